" A log is a program's output, wherever it is opened from: nothing in it sets an option.
augroup feature_build_logs
    autocmd!
    autocmd BufReadPre */runs/*/*.log setlocal nomodeline
augroup END
