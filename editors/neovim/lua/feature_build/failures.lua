-- The tasks whose last attempt did not pass, as a quickfix list: each task's id, then the places that lead to the cause.
local M = {}

local CODE = 'task-not-passed'

local function is_failure(diagnostic)
  local lsp = diagnostic.user_data and diagnostic.user_data.lsp or {}
  return diagnostic.source == 'feature-build' and (diagnostic.code or lsp.code) == CODE
end

-- Columns of a related place count what the client agreed on, so Neovim converts them.
local function of_place(place, encoding)
  local item = vim.lsp.util.locations_to_items({ place.location }, encoding)[1]
  if item then
    item.text = place.message
  end
  return item
end

local function of_task(diagnostic, encoding)
  local items = {
    {
      bufnr = diagnostic.bufnr,
      lnum = diagnostic.lnum + 1,
      col = diagnostic.col + 1,
      type = 'E',
      text = diagnostic.message:match('^[^\n]*'),
    },
  }
  for _, place in ipairs(diagnostic.user_data.lsp.relatedInformation or {}) do
    table.insert(items, of_place(place, encoding))
  end
  return items
end

function M.items(encoding)
  local items = {}
  for _, diagnostic in ipairs(vim.tbl_filter(is_failure, vim.diagnostic.get(nil))) do
    vim.list_extend(items, of_task(diagnostic, encoding))
  end
  return items
end

-- Opens the list; says so where nothing failed.
function M.open(encoding)
  local items = M.items(encoding)
  vim.fn.setqflist({}, ' ', { title = 'feature-build: failures', items = items })
  if #items == 0 then
    vim.cmd('cclose')
    vim.notify('feature-build: nothing failed in its last run')
    return
  end
  vim.cmd('botright copen')
end

return M
