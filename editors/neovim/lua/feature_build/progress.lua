-- What runs, for the status line.
local M = {}

-- How long the summary of a run stays.
local SUMMARY_MS = 60 * 1000

-- Runs in progress, by token, in the order in which they began.
local order, runs = {}, {}
local summary = nil

local function redraw()
  vim.schedule(function()
    vim.api.nvim_exec_autocmds('User', { pattern = 'FeatureBuildProgress', modeline = false })
    vim.cmd('redrawstatus!')
  end)
end

local function finish(run)
  local over = { text = run.title .. ': ' .. (run.message or 'done') }
  summary = over
  vim.defer_fn(function()
    if summary == over then
      summary = nil
      redraw()
    end
  end, SUMMARY_MS)
end

-- Takes a `$/progress` notification of our server in.
function M.take(result, context)
  local key = context.client_id .. ' ' .. tostring(result.token)
  local value = result.value
  if value.kind == 'begin' then
    runs[key] = { title = value.title, message = value.message }
    table.insert(order, key)
    summary = nil
  elseif runs[key] then
    local run = runs[key]
    run.message = value.message or run.message
    if value.kind == 'end' then
      runs[key] = nil
      order = vim.tbl_filter(function(other)
        return other ~= key
      end, order)
      finish(run)
    end
  end
  redraw()
end

-- `⏳ wave 1 of FEAT-1 2/3 · TASK-2: compiling`, after the end its summary for a while, else nothing.
function M.statusline()
  local parts = {}
  for _, key in ipairs(order) do
    table.insert(parts, '⏳ ' .. runs[key].title .. ' ' .. (runs[key].message or ''))
  end
  if #parts == 0 and summary then
    return summary.text
  end
  return table.concat(parts, '  ')
end

return M
