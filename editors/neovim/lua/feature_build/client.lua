-- The language client: one a workspace, by `vim.lsp.config` from Neovim 0.11 on, by `vim.lsp.start_client` before.
local roots = require('feature_build.root')

local M = {}

local NAME = 'feature_build'
local FILETYPES = { 'markdown', 'yaml' }
local INITIALIZED_MS = 10 * 1000
local ANSWER_MS = 2 * 1000
local has_config = vim.fn.has('nvim-0.11') == 1
-- Clients that this file started, by root (before 0.11 only: later Neovim keeps account of them).
local started = {}
local told_missing = false

-- Methods of a client take it as first argument from 0.11 on.
local function call(client, method, ...)
  if has_config then
    return client[method](client, ...)
  end
  return client[method](...)
end

function M.program()
  return vim.g.feature_build_program or 'feature-build'
end

local function can_start()
  if vim.fn.executable(M.program()) == 1 then
    return true
  end
  if not told_missing then
    told_missing = true
    vim.notify(
      'feature-build: no program "' .. M.program() .. '": install it, or set g:feature_build_program',
      vim.log.levels.WARN
    )
  end
  return false
end

local function refresh_all(client)
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(bufnr) and vim.lsp.buf_is_attached(bufnr, client.id) then
      M.refresh(client, bufnr)
    end
  end
end

-- Asks for the lenses of a buffer again. Not by `vim.lsp.codelens.refresh`: it drops a question while another one waits,
-- whose answer may be of an older state.
function M.refresh(client, bufnr)
  if not vim.lsp.codelens.on_codelens then
    return vim.lsp.codelens.refresh({ bufnr = bufnr })
  end
  local params = { textDocument = { uri = vim.uri_from_bufnr(bufnr) } }
  call(client, 'request', 'textDocument/codeLens', params, vim.lsp.codelens.on_codelens, bufnr)
end

local function on_attach(client, bufnr)
  M.refresh(client, bufnr)
  local group = vim.api.nvim_create_augroup('feature_build_' .. bufnr, {})
  vim.api.nvim_create_autocmd({ 'BufEnter', 'InsertLeave', 'TextChanged', 'BufWritePost' }, {
    group = group,
    buffer = bufnr,
    callback = function()
      M.refresh(client, bufnr)
    end,
  })
  local key = vim.g.feature_build_key or '<LocalLeader>r'
  if key ~= '' then
    local opts = { buffer = bufnr, desc = 'feature-build: run this wave, or choose what to do' }
    vim.keymap.set('n', key, require('feature_build').run_here, opts)
  end
end

-- What both ways to start have in common.
function M.config()
  local capabilities = {
    workspace = { codeLens = { refreshSupport = true } },
    window = { showDocument = { support = true } },
  }
  return {
    name = NAME,
    cmd = { M.program(), 'lsp' },
    filetypes = FILETYPES,
    capabilities = vim.tbl_deep_extend('force', vim.lsp.protocol.make_client_capabilities(), capabilities),
    handlers = {
      ['$/progress'] = function(err, result, context, config)
        require('feature_build.progress').take(result, context)
        return vim.lsp.handlers['$/progress'](err, result, context, config)
      end,
      ['window/showDocument'] = function(_, result)
        require('feature_build.log').show(vim.uri_to_fname(result.uri))
        return { success = true }
      end,
      ['workspace/codeLens/refresh'] = function(_, _, context)
        local client = vim.lsp.get_client_by_id(context.client_id)
        if client then
          vim.schedule(function()
            refresh_all(client)
          end)
        end
        return vim.NIL
      end,
    },
    on_attach = on_attach,
  }
end

-- For `vim.lsp.config`: answers only where there are tasks.
function M.root_dir(bufnr, on_dir)
  local root = roots.of_buffer(bufnr)
  if root and can_start() then
    on_dir(root)
  end
end

local function of_root(root)
  local get = vim.lsp.get_clients or vim.lsp.get_active_clients
  for _, client in ipairs(get()) do
    if client.name == NAME and client.config.root_dir == root then
      return client
    end
  end
end

local function start(root)
  if has_config then
    local config = vim.tbl_extend('force', vim.lsp.config[NAME], { root_dir = root })
    return vim.lsp.get_client_by_id(vim.lsp.start(config, { attach = false }))
  end
  local id = started[root]
  if not id or vim.lsp.client_is_stopped(id) then
    local config = vim.tbl_extend('force', M.config(), { root_dir = root })
    id = vim.lsp.start_client(config)
    started[root] = id
  end
  return id and vim.lsp.get_client_by_id(id)
end

-- The client of the current buffer's workspace, else of the current folder's; started where it does not run yet. Nil,
-- and the user is told, where there are no tasks.
function M.here()
  local root = roots.of_buffer(0) or roots.of(vim.fn.getcwd())
  if not root then
    vim.notify('feature-build: no tasks here', vim.log.levels.WARN)
    return nil
  end
  local client = of_root(root) or (can_start() and start(root)) or nil
  local ready = client and vim.wait(INITIALIZED_MS, function()
    return client.initialized
  end, 10)
  return ready and client or nil, root
end

-- Starts the server for task files as they are opened.
function M.enable()
  if has_config then
    vim.lsp.enable(NAME)
    return
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup(NAME, {}),
    pattern = FILETYPES,
    callback = function(event)
      local bufnr = event.buf
      local root = vim.bo[bufnr].buftype == '' and roots.of_buffer(bufnr)
      local client = root and can_start() and start(root)
      if client then
        vim.lsp.buf_attach_client(bufnr, client.id)
      end
    end,
  })
end

-- Asks the server; the answer comes later.
function M.request(client, method, params, answered)
  call(client, 'request', method, params, function(err, result)
    if err then
      vim.notify('feature-build: ' .. (err.message or tostring(err)), vim.log.levels.ERROR)
    elseif answered then
      answered(result)
    end
  end, 0)
end

-- Executes a command. The server says itself what it could not do.
function M.execute(client, command, target)
  M.request(client, 'workspace/executeCommand', { command = command, arguments = { target } })
end

-- The features of the client's workspaces, now. An empty list where the server does not answer in time.
function M.features(client)
  local answer = call(client, 'request_sync', 'featureBuild/waves', vim.empty_dict(), ANSWER_MS, 0)
  local features = {}
  for _, root in ipairs(answer and answer.result and answer.result.roots or {}) do
    for _, feature in ipairs(root.features) do
      feature.root = root.root
      table.insert(features, feature)
    end
  end
  return features
end

return M
