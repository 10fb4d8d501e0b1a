-- What a user's own configuration calls.
local client = require('feature_build.client')

local M = {}

-- For the status line: `%{v:lua.require'feature_build'.statusline()}`.
function M.statusline()
  return require('feature_build.progress').statusline()
end

local function execute_lens(at, lens)
  client.execute(at, lens.command.command, lens.command.arguments[1])
end

-- One key: asks for the lenses of this file anew, and runs the wave where that is what the first one offers. Else (it
-- runs, or it is done) the user chooses: a key that was hit twice must not cancel what it began.
function M.run_here()
  local at = client.here()
  if not at then
    return
  end
  local params = { textDocument = { uri = vim.uri_from_bufnr(0) } }
  client.request(at, 'textDocument/codeLens', params, function(lenses)
    local first = lenses and lenses[1]
    if not first then
      return vim.notify('feature-build: nothing to run here')
    end
    if first.command.command == 'featureBuild/runWave' then
      return execute_lens(at, first)
    end
    local format = function(lens)
      return lens.command.title
    end
    vim.ui.select(lenses, { prompt = 'feature-build', format_item = format }, function(lens)
      if lens then
        execute_lens(at, lens)
      end
    end)
  end)
end

return M
