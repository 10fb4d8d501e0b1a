-- Starts the server in workspaces that have tasks, and defines `:FeatureBuild`. From Neovim 0.11 on the client can be
-- changed with `vim.lsp.config('feature_build', { ... })` before this file is read.
if vim.g.loaded_feature_build or vim.fn.has('nvim-0.7') == 0 then
  return
end
vim.g.loaded_feature_build = true

require('feature_build.client').enable()

-- A log is a program's output, wherever it is opened from: nothing in it sets an option.
vim.api.nvim_create_autocmd('BufReadPre', {
  group = vim.api.nvim_create_augroup('feature_build_logs', {}),
  pattern = '*/runs/*/*.log',
  command = 'setlocal nomodeline',
})

vim.api.nvim_create_user_command('FeatureBuild', function(command)
  require('feature_build.commands').execute(command.fargs)
end, {
  nargs = '*',
  complete = function(...)
    return require('feature_build.commands').complete(...)
  end,
  desc = 'Run, cancel and look at the waves of planned tasks',
})
