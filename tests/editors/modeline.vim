" A log whose last line is a modeline, opened as a user of Vim or Neovim may open it. Writes the option that it wants to set.
"
" LOG_FILE: the log; OTHER_FILE: the same text where no log is.
set modeline modelines=5 autoread
let s:seen = {}

function! s:Open(way, command) abort
    execute a:command
    let l:first = &l:tabstop
    " The log grows while it is shown.
    call writefile(['more', 'vim: set tabstop=66 :'], bufname(''), 'a')
    silent! checktime
    let s:seen[a:way] = [l:first, &l:tabstop]
    bwipeout!
endfunction

call s:Open('control', 'edit ' . fnameescape($OTHER_FILE))
call s:Open('edit', 'edit ' . fnameescape($LOG_FILE))
call setqflist([{'filename': $LOG_FILE, 'lnum': 1, 'text': 'the end of its log'}])
call s:Open('quickfix', 'silent cc 1')

if has('nvim')
    call s:Open('show', 'lua require("feature_build.log").show(vim.env.LOG_FILE)')
endif

call writefile([json_encode(s:seen)], $REPORT_FILE)
qall!
