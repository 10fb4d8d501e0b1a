-- The output of tasks, in a split.
local M = {}

local function window_of(bufnr)
  for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if vim.api.nvim_win_get_buf(window) == bufnr then
      return window
    end
  end
end

-- Shows a file in a split; a log at its end.
function M.show(path)
  local bufnr = vim.fn.bufadd(path)
  local window = window_of(bufnr)
  if window then
    vim.api.nvim_set_current_win(window)
    vim.cmd('silent! checktime')
  else
    vim.cmd('botright split')
    vim.api.nvim_win_set_buf(0, bufnr)
  end
  vim.bo[bufnr].buflisted = true
  if path:find('%.log$') then
    vim.bo[bufnr].autoread = true
    vim.bo[bufnr].readonly = true
    vim.cmd('normal! G')
  end
end

-- Shows a log as it grows, with its colours, in a terminal of its own. Closing the split ends only the view.
function M.follow(program, root, task)
  vim.cmd('botright 12new')
  local bufnr = vim.api.nvim_get_current_buf()
  vim.bo[bufnr].bufhidden = 'wipe'
  local command = { program, '-C', root, 'log', '--follow', task }
  if vim.fn.has('nvim-0.11') == 1 then
    vim.fn.jobstart(command, { term = true })
  else
    vim.fn.termopen(command)
  end
  vim.cmd('normal! G') -- a terminal follows its output while the cursor stands on the last line
  vim.cmd('wincmd p')
end

return M
