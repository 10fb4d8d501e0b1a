-- What a user does in Neovim: open a task, see the lens, run it, find the failure. Writes what it saw as JSON.
local task, report = vim.env.TASK_FILE, vim.env.REPORT_FILE
local DEADLINE_MS = 120 * 1000
local seen = {}

local function finish()
  vim.fn.writefile({ vim.json.encode(seen) }, report)
  vim.cmd('qall!')
end

local function wait(what, condition)
  if not vim.wait(DEADLINE_MS, condition, 20) then
    seen.missing = what
    finish()
  end
end

local function lens(pattern)
  for _, one in ipairs(vim.lsp.codelens.get(0)) do
    if one.command and one.command.title:find(pattern) then
      return one
    end
  end
end

vim.api.nvim_create_autocmd('LspProgress', {
  callback = function(event)
    seen.progress = seen.progress or {}
    table.insert(seen.progress, event.data.params.value.kind)
  end,
})

vim.cmd.edit(vim.fn.fnameescape(task))
wait('the lens', function()
  return lens('Run wave') ~= nil
end)
seen.lens = lens('Run wave').command.title

-- Several lenses stand on the line: Neovim asks which one.
vim.ui.select = function(items, _, choose)
  for _, item in ipairs(items) do
    if item.lens.command.title:find('Run wave') then
      return choose(item)
    end
  end
  choose(nil)
end
vim.api.nvim_win_set_cursor(0, { lens('Run wave').range.start.line + 1, 0 })
vim.lsp.codelens.run()

wait('the failure', function()
  for _, one in ipairs(vim.diagnostic.get(0)) do
    if one.message:find('failed %(exit') and one.message:find('\n') then
      seen.failure = one.message
      seen.line = one.lnum
      seen.related = one.user_data.lsp.relatedInformation
      return true
    end
  end
end)
wait('the lens that tells the failure', function()
  return lens('Open log') ~= nil and lens('Re%-run 1 failed') ~= nil
end)
seen.after = lens('Open log').command.title
wait('the end of progress', function()
  return vim.tbl_contains(seen.progress or {}, 'end')
end)
finish()
