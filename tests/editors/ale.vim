" What a user does in Vim with ALE: choose code actions, read the failure. Writes what it saw as JSON.
"
" TASK_FILE: a task whose wave fails at it; SLOW_FILE: one whose wave does not end by itself; OTHER_FILE: Markdown where
" there are no tasks.
let s:seen = {}

function! s:Finish() abort
    call writefile([json_encode(s:seen)], $REPORT_FILE)
    qall!
endfunction

" Waits until the expression is true; without that something is missing.
function! s:Wait(what, expression) abort
    let l:start = reltime()

    while !eval(a:expression)
        if reltimefloat(reltime(l:start)) > 120
            let s:seen.missing = a:what
            let s:seen.offered = s:prompt
            call s:Finish()
        endif

        sleep 20m
    endwhile
endfunction

" `:ALECodeAction` shows a numbered list and asks for a number.
let s:prompt = ''
let s:wanted = ''
runtime autoload/ale/util.vim

function! ale#util#Input(message, value, ...) abort
    let s:prompt = a:message

    return matchstr(a:message, '\d\+\ze) ' . s:wanted)
endfunction

" Asks again until the action is offered: the server may still be starting, or the run.
function! s:Choose(wanted) abort
    let s:wanted = a:wanted
    let s:prompt = ''
    call s:Wait(a:wanted, 's:Offered()')
endfunction

function! s:Offered() abort
    if empty(matchstr(s:prompt, '\d\+) ' . s:wanted))
        let s:prompt = ''
        ALECodeAction
        let l:start = reltime()

        while empty(s:prompt) && reltimefloat(reltime(l:start)) < 2
            sleep 20m
        endwhile
    endif

    return !empty(matchstr(s:prompt, '\d\+) ' . s:wanted))
endfunction

" What is told of it once its output is read too: that may come a moment later.
function! s:Failure() abort
    for l:one in get(get(g:ale_buffer_info, bufnr(''), {}), 'loclist', [])
        if l:one.text =~# 'failed (exit \d\+) .'
            return l:one
        endif
    endfor

    return {}
endfunction

" What ALE tells the user.
let s:told = ''

function! ale#util#ShowMessage(string, ...) abort
    let s:told .= a:string . "\n"
endfunction

let s:seen.version = 'Vim ' . v:version / 100 . '.' . v:version % 100
let g:ale_lsp_show_message_severity = 'information'
let g:ale_markdown_feature_build_executable = $FEATURE_BUILD

edit $OTHER_FILE
let s:seen.root_elsewhere = ale_linters#markdown#feature_build#Root(bufnr(''))

edit $TASK_FILE
call s:Choose('Run wave')
let s:seen.actions = split(s:prompt, "\n")
call s:Wait('the failure', '!empty(s:Failure())')
let s:seen.failure = s:Failure().text
let s:seen.line = s:Failure().lnum
call s:Wait('the message at the end', 's:told =~# "1 failed in"')
let s:seen.told = s:told
call s:Choose('Open the log')
call s:Wait('where the log is', 's:told =~# "the log is .*TASK-TXT-002.log"')

edit $SLOW_FILE
call s:Choose('Run wave')
" A task that had not begun yet would be skipped.
let s:logs = fnamemodify($SLOW_FILE, ':h:h:h') . '/.feature-build/runs/*/TASK-SLOW-001.log'
call s:Wait('its output', '!empty(filter(glob(s:logs, 1, 1), "getfsize(v:val) > 0"))')
call s:Choose('Cancel')
call s:Choose('Open the log of TASK-SLOW-001 (cancelled)')
call s:Finish()
