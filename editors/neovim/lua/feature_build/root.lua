-- Where a workspace with tasks begins. The same answer as the server's, but for one thing: a folder of which only `.git`
-- speaks has no tasks, and the server is not started for it.
local M = {}

local uv = vim.uv or vim.loop
-- `tasks/<status>/<feature>/TASK-1.md`
local DEEPEST = 3

local function is(kind, path)
  local stat = uv.fs_stat(path)
  return stat ~= nil and stat.type == kind
end

local function has_markdown(dir, depth)
  local entries = uv.fs_scandir(dir)
  local folders = {}
  while entries do
    local name, kind = uv.fs_scandir_next(entries)
    if not name then
      break
    elseif kind == 'directory' then
      table.insert(folders, dir .. '/' .. name)
    elseif name:find('%.md$') then
      return true
    end
  end
  for _, folder in ipairs(depth > 1 and folders or {}) do
    if has_markdown(folder, depth - 1) then
      return true
    end
  end
  return false
end

-- Backlog.md's own folder.
local function is_backlog(dir)
  return dir:find('/backlog$') ~= nil
    and (is('file', dir .. '/config.yml') or (is('directory', dir .. '/tasks') and is('directory', dir .. '/completed')))
end

local function has_dialect_folder(dir)
  return is('directory', dir .. '/.planning')
    or is('directory', dir .. '/.guardkit')
    or is_backlog(dir .. '/backlog')
    or (not is_backlog(dir) and not is_backlog(vim.fn.fnamemodify(dir, ':h')) and has_markdown(dir .. '/tasks', DEEPEST))
end

local function has_configuration(dir)
  return is('file', dir .. '/feature-build.yaml')
end

-- The nearest of a folder and its parents for which the condition holds.
local function nearest(dir, condition)
  while true do
    if condition(dir) then
      return dir
    end
    local parent = vim.fn.fnamemodify(dir, ':h')
    if parent == dir then
      return nil
    end
    dir = parent
  end
end

-- The root of the workspace that a file or folder lies in; nil where it has no tasks.
function M.of(path)
  local dir = vim.fn.fnamemodify(path, ':p')
  if not is('directory', dir) then
    dir = vim.fn.fnamemodify(dir, ':h')
  end
  dir = uv.fs_realpath(dir) or dir:gsub('(.)/$', '%1')
  return nearest(dir, has_configuration) or nearest(dir, has_dialect_folder)
end

-- The root for a buffer: its file's, else, where it has none, the current folder's.
function M.of_buffer(bufnr)
  local name = vim.api.nvim_buf_get_name(bufnr)
  local is_file = name ~= '' and vim.bo[bufnr].buftype == ''
  return M.of(is_file and name or vim.fn.getcwd())
end

return M
