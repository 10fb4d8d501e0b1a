-- feature-build for Neovim's own LSP configuration (0.11 or later).
local client = require('feature_build.client')

return vim.tbl_extend('force', client.config(), { root_dir = client.root_dir })
