-- feature-build for Neovim's own LSP client (0.11 or newer).

-- Folders and files by which a workspace is known. The server finds the root of each task file by itself; this only
-- says where it is worth starting.
local markers = { 'feature-build.yaml', '.guardkit', '.planning', 'backlog', 'tasks', '.git' }

-- Neovim 0.11 keeps lenses of a buffer until it is told to ask again.
local function refresh_lenses(client)
  for bufnr in pairs(client.attached_buffers) do
    if vim.api.nvim_buf_is_loaded(bufnr) then
      vim.lsp.codelens.refresh({ bufnr = bufnr })
    end
  end
end

return {
  cmd = { vim.g.feature_build_program or 'feature-build', 'lsp' },
  filetypes = { 'markdown', 'yaml' },
  root_dir = function(bufnr, on_dir)
    local root = vim.fs.root(bufnr, markers)
    if root then
      on_dir(root)
    end
  end,
  capabilities = { workspace = { codeLens = { refreshSupport = true } } },
  handlers = {
    ['workspace/codeLens/refresh'] = function(_, _, context)
      local client = vim.lsp.get_client_by_id(context.client_id)
      if client then
        vim.schedule(function()
          refresh_lenses(client)
        end)
      end
      return vim.NIL
    end,
  },
  on_attach = function(client, bufnr)
    refresh_lenses(client)
    local group = vim.api.nvim_create_augroup('feature_build_' .. bufnr, {})
    vim.api.nvim_create_autocmd({ 'BufEnter', 'InsertLeave', 'TextChanged', 'BufWritePost' }, {
      group = group,
      buffer = bufnr,
      callback = function()
        vim.lsp.codelens.refresh({ bufnr = bufnr })
      end,
    })
  end,
}
