" The language server of feature-build for ALE, for Markdown files of workspaces that have tasks.
call ale#Set('markdown_feature_build_executable', 'feature-build')

" The nearest folder with a configuration, else with a planning tool's files. Empty: ALE starts nothing.
function! ale_linters#markdown#feature_build#Root(buffer) abort
    let l:config = ale#path#FindNearestFile(a:buffer, 'feature-build.yaml')

    if !empty(l:config)
        return fnamemodify(l:config, ':h')
    endif

    for l:name in ['.planning', '.guardkit', 'backlog', 'tasks']
        let l:folder = ale#path#FindNearestDirectory(a:buffer, l:name)

        if !empty(l:folder)
            return fnamemodify(l:folder, ':p:h:h')
        endif
    endfor

    return ''
endfunction

call ale#linter#Define('markdown', {
\   'name': 'feature_build',
\   'lsp': 'stdio',
\   'executable': {b -> ale#Var(b, 'markdown_feature_build_executable')},
\   'command': '%e lsp',
\   'project_root': function('ale_linters#markdown#feature_build#Root'),
\})
