-- What a user does in Neovim, the old one and the new one: open a task, see the lens, run it by its key, find the
-- failure, follow and cancel a run. Writes what it saw as JSON.
--
-- TASK_FILE: a task whose wave fails at it; SLOW_FILE: one whose wave does not end by itself; OTHER_FILE: Markdown
-- where there are no tasks.
local task, slow, other, report = vim.env.TASK_FILE, vim.env.SLOW_FILE, vim.env.OTHER_FILE, vim.env.REPORT_FILE
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
    error('not seen: ' .. what)
  end
end

local function edit(path)
  vim.cmd('edit ' .. vim.fn.fnameescape(path))
end

local function lens(pattern)
  for _, one in ipairs(vim.lsp.codelens.get(0)) do
    if one.command and one.command.title:find(pattern) then
      return one.command.title
    end
  end
end

local function lens_appears(pattern)
  wait('the lens ' .. pattern, function()
    return lens(pattern) ~= nil
  end)
  return lens(pattern)
end

local function statusline()
  return vim.api.nvim_eval_statusline("%{v:lua.require'feature_build'.statusline()}", { maxwidth = 500 }).str
end

local function shown_text(bufnr)
  return table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\n')
end

-- What stands beside a line, as it is drawn.
local function drawn_lenses(bufnr)
  for name, namespace in pairs(vim.api.nvim_get_namespaces()) do
    if name:find('codelens') then
      for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(bufnr, namespace, 0, -1, { details = true })) do
        local text = ''
        for _, chunk in ipairs(mark[4].virt_text or {}) do
          text = text .. chunk[1]
        end
        if text ~= '' then
          return text
        end
      end
    end
  end
end

seen.version = vim.fn.matchstr(vim.fn.execute('version'), [[NVIM v\zs[0-9.]\+]])

edit(other)
edit(task)
seen.lens = lens_appears('Run wave')
seen.drawn = drawn_lenses(0)
local clients_of = vim.lsp.get_clients or function(filter)
  return vim.lsp.buf_get_clients(filter.bufnr)
end
seen.attached_elsewhere = vim.tbl_count(clients_of({ bufnr = vim.fn.bufnr(other) }))

vim.ui.select = function(items, options)
  seen.actions = vim.tbl_map(options.format_item, items)
end
vim.lsp.buf.code_action()
wait('the code actions', function()
  return seen.actions ~= nil
end)

seen.asked = false
vim.ui.select = function()
  seen.asked = true
end
vim.cmd([[execute "normal \\r"]])
wait('progress in the status line', function()
  seen.status = statusline()
  return seen.status:find('wave 1 of FEAT%-TXT %d/3') ~= nil
end)

wait('the failure', function()
  for _, one in ipairs(vim.diagnostic.get(0)) do
    if one.message:find('failed %(exit') and one.message:find('\n') then
      seen.failure = one.message
      seen.line = one.lnum
      return true
    end
  end
end)
seen.after = lens_appears('Open log')
lens_appears('Re%-run 1 failed')
wait('the summary', function()
  seen.summary = statusline()
  return seen.summary:find('1 failed in') ~= nil
end)

vim.cmd('FeatureBuild failures')
seen.quickfix = vim.tbl_map(function(item)
  return { file = vim.api.nvim_buf_get_name(item.bufnr), line = item.lnum, text = item.text }
end, vim.fn.getqflist())
vim.cmd('cclose')

seen.subcommands = vim.fn.getcompletion('FeatureBuild ', 'cmdline')
seen.features = vim.fn.getcompletion('FeatureBuild run ', 'cmdline')
seen.waves = vim.fn.getcompletion('FeatureBuild run FEAT-TXT ', 'cmdline')
seen.tasks = vim.fn.getcompletion('FeatureBuild log TASK-TXT-00', 'cmdline')

vim.cmd('FeatureBuild log')
wait('the log', function()
  seen.log = shown_text(0)
  return vim.api.nvim_buf_get_name(0):find('TASK%-TXT%-002%.log$') ~= nil
end)
vim.cmd('close')

-- What `:FeatureBuild runs` lists.
local function runs(pattern)
  vim.cmd('FeatureBuild runs')
  local text
  wait('the runs', function()
    text = shown_text(0)
    return vim.bo.buftype == 'nofile' and text:find(pattern) ~= nil
  end)
  vim.cmd('close')
  return text
end

seen.failed_runs = runs('1 failed')

edit(slow)
lens_appears('Run wave')
vim.cmd('FeatureBuild run')
lens_appears('Cancel')
vim.cmd('FeatureBuild follow')
wait('the output as it grows', function()
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.bo[bufnr].buftype == 'terminal' and shown_text(bufnr):find('it has begun') then
      return true
    end
  end
end)
vim.cmd('FeatureBuild cancel')
wait('the end of what was cancelled', function()
  seen.cancelled = statusline()
  return seen.cancelled:find('cancelled') ~= nil
end)
seen.runs = runs('1 cancelled')
finish()
