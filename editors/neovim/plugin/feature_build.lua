-- Starts the server for Markdown files of a workspace. The configuration is in lsp/feature_build.lua; change it with
-- `vim.lsp.config('feature_build', { ... })` before this file is read.
if vim.fn.has('nvim-0.11') == 1 then
  vim.lsp.enable('feature_build')
end
