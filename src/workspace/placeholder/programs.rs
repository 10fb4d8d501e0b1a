//! Programs that run what they are given: where a value reaches one of them, it may become a command.
//!
//! Names, because nothing else of a program is known before it is started. A program that is missing here is taken for one
//! that reads its arguments itself.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

/// What a program does with its arguments besides reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reads a script.
    Shell,
    /// Runs a program text, or a file that holds one.
    Interpreter,
    /// Runs the recipes that a project brings.
    Builder,
    /// Starts the program that its arguments name.
    Wrapper,
    /// Puts its arguments together and hands them to a shell, of another machine or here.
    Remote,
    /// An editor, a pager or a tool with a language of its own that can start programs.
    Tool,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shell => "a shell",
            Self::Interpreter => "an interpreter",
            Self::Builder => "a builder",
            Self::Wrapper => "which starts other programs",
            Self::Remote => "which hands words to a shell",
            Self::Tool => "which can start programs itself",
        })
    }
}

/// What is known of the program that this word names, by its path or its name, with or without a version.
pub(super) fn kind(word: &str) -> Option<Kind> {
    let name = base(word);
    if [".bat", ".cmd", ".ps1"].iter().any(|end| name.ends_with(end)) {
        return Some(Kind::Shell);
    }
    spellings(&name).into_iter().find_map(|name| KINDS.get(name).copied())
}

/// Names such a program, and no word that may as well be a command of another program's own (`codex exec`, `guardkit task`)?
pub(super) fn is_surely_one(word: &str) -> bool {
    let name = base(word);
    kind(word).is_some() && !spellings(&name).iter().any(|name| OTHER_WORDS.contains(name))
}

/// Does this program look at the name that it was called by, and is then another one for each?
pub(super) fn goes_by_its_name(word: &str) -> bool {
    const ALL: [&str; 18] = [
        "busybox",
        "toybox",
        "coreutils",
        "mise",
        "rtx",
        "asdf",
        "volta",
        "volta-shim",
        "snap",
        "firejail",
        "rustup",
        "proto",
        "pyenv",
        "rbenv",
        "nodenv",
        "goenv",
        "corepack",
        "ccache",
    ];
    ALL.contains(&base(word).as_str())
}

/// The name of this program, without its path, its ending and its version.
pub(super) fn plain(word: &str) -> String {
    let name = base(word);
    let shortest = spellings(&name).last().copied().unwrap_or_default();
    if shortest.is_empty() { name } else { shortest.to_owned() }
}

/// No file has a longer name.
const LONGEST_NAME: usize = 255;

/// The last part of a path, in small letters: some file systems do not tell them apart. Empty where no file can be called so.
fn base(word: &str) -> String {
    let last = word.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    if last.len() > LONGEST_NAME {
        return String::new();
    }
    let last = last.to_lowercase();
    let program = [".exe", ".com"].iter().find_map(|end| last.strip_suffix(end));
    program.unwrap_or(&last).to_owned()
}

/// The name, and what is left of it without what distributions put behind it: `python3.12-dbg`, `vim.basic`.
fn spellings(name: &str) -> Vec<&str> {
    const BEHIND: [&str; 17] = [
        "-static",
        ".static",
        "-dbg",
        "-debug",
        ".basic",
        ".tiny",
        ".nox",
        ".gtk3",
        ".traditional",
        ".openbsd",
        "-esm",
        "-real",
        ".real",
        ".distrib",
        "-nox",
        ".athena",
        ".gtk",
    ];
    let mut all = vec![name];
    let mut rest = name;
    loop {
        let shorter = BEHIND.iter().find_map(|end| rest.strip_suffix(end));
        let shorter = shorter
            .unwrap_or_else(|| rest.trim_end_matches(|char: char| char.is_ascii_digit() || ".-_".contains(char)));
        if shorter == rest || shorter.is_empty() {
            break;
        }
        all.push(shorter);
        rest = shorter;
    }
    // `python3.13t`, `perl5.36-x86_64-linux-gnu`, `luajit-2.1.0-beta3`, `ld-musl-x86_64.so.1`.
    let end = name.find(|char: char| char.is_ascii_digit()).unwrap_or(name.len());
    let head = name.get(..end).unwrap_or_default().trim_end_matches(['.', '-', '_']);
    if head.len() > 1 && !all.contains(&head) && !OTHER_WORDS.contains(head) {
        all.push(head);
    }
    if name.starts_with("ld-linux") || name.starts_with("ld-musl") {
        all.push("ld.so");
    }
    all
}

static KINDS: LazyLock<HashMap<&str, Kind>> = LazyLock::new(|| {
    // Where a name stands twice, the first counts.
    let all = ALL.iter().rev().flat_map(|(kind, names)| names.split_ascii_whitespace().map(|name| (name, *kind)));
    all.collect()
});

static OTHER_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_ascii_whitespace().collect());

const ALL: [(Kind, &str); 6] = [
    (
        Kind::Shell,
        "sh bash dash ash zsh ksh mksh lksh pdksh oksh loksh yash rbash rksh rzsh posh fish csh tcsh rc es elvish nu nush \
         nushell xonsh osh ysh oil ion murex pwsh powershell cmd command.com sash hush msh",
    ),
    (
        Kind::Interpreter,
        "python pythonw pypy jython ipython bpython ptpython micropython node nodejs iojs deno bun qjs quickjs js d8 jsc \
         gjs rhino ts-node tsx swc-node vite-node babel-node coffee zx electron perl cperl raku rakudo ruby irb jruby mruby \
         truffleruby php php-cgi phpdbg hhvm psysh lua luajit luau texlua tclsh wish expect unbuffer osascript r rscript \
         littler julia octave octave-cli matlab scilab ghci ghc runghc runhaskell hugs ocaml utop scala amm kotlin kotlinc \
         groovy groovysh clojure clj bb babashka jshell java javaw jbang nashorn jjs dotnet dotnet-script csi csharp fsi \
         fsharpi mono elixir iex erl escript gleam guile racket scheme mit-scheme chez petite sbcl clisp ecl ccl abcl gosh \
         chicken csi bigloo gambit gsi swipl swi-prolog gprolog yap awk gawk mawk nawk original-awk goawk frawk m4 bc dc \
         gnuplot sqlite3 sqlite duckdb psql mysql mariadb mongo mongosh redis-cli valkey-cli clickhouse-client sqlplus \
         isql osql sqlcmd usql pgcli mycli litecli gdb lldb pdb rdbg delve dlv wasmtime wasmer qemu wine wine64 rexx regina \
         pike forth gforth nasl jq-repl cscript wscript mshta rundll32 prove erb pydoc bats pytest py.test mocha jest vitest rspec \
         janet hy nim crystal runme run-mailcap",
    ),
    (
        Kind::Builder,
        "make gmake bmake pmake nmake mingw32-make dmake cmake ctest cpack ninja samu meson muon bazel bazelisk buck buck2 \
         pants please plz scons waf tup gradle gradlew mvn mvnw mvnd ant sbt sbtn mill lein boot cargo cross go gotip zig \
         swift xcodebuild xcrun xctool npm npx pnpm pnpx yarn yarnpkg bunx corepack ni nr nlx composer bundle bundler gem \
         rake thor pip pipx uv uvx poetry pipenv pdm hatch rye tox nox mix rebar rebar3 stack cabal dune opam esy flutter \
         dart pub melos lerna nx turbo rush rushx moon wireit gulp grunt jake just task go-task mage invoke inv fab doit \
         nuke fake cake msbuild xbuild nant vcbuild b2 bjam premake xmake gcc g++ cc c++ clang clang++ ld tcc rustc javac \
         dpkg-buildpackage debuild rpmbuild makepkg ebuild portage brew port nix nix-build nix-env nix-instantiate guix \
         pre-commit lefthook husky earthly dagger act tilt skaffold garden packer terraform tofu terragrunt pulumi vagrant \
         ansible-playbook puppet chef salt-call configure",
    ),
    (
        Kind::Wrapper,
        "env nice nohup timeout setsid stdbuf ionice time gtime genv gnice gnohup gtimeout gstdbuf gxargs gfind gsplit \
         gchroot busybox toybox sudo sudoedit doas pkexec run0 su runuser gosu su-exec setpriv capsh sg newgrp login \
         chroot fakechroot unshare nsenter proot fakeroot bwrap bubblewrap firejail firecfg systemd-run systemd-inhibit \
         systemd-nspawn machinectl caffeinate chrt taskset numactl schedtool prlimit ulimit choom cgexec cpulimit setarch \
         linux32 linux64 i386 i486 i586 i686 x86_64 uname26 arch strace ltrace dtruss dtrace truss ktrace perf bpftrace \
         valgrind callgrind faketime datefudge catchsegv rr heaptrack hyperfine multitime chronic ifne xargs find fd fdfind \
         bfs flock lockf setlock with-lock-ex lckdo script scriptreplay ttyrec asciinema script_ rlwrap rlfe ledit unbuffer \
         dbus-run-session dbus-launch xvfb-run startx xinit exec command builtin eval nix-shell direnv dotenv dotenvx \
         env-cmd cross-env envchain envdir envconsul chpst softlimit setuidgid runit runsv s6-setuidgid execlineb foreground \
         with-contenv dumb-init tini catatonit supervise daemon daemonize start-stop-daemon systemd-cat logsave mise asdf \
         rtx volta fnm nvm nodenv pyenv rbenv jenv goenv plenv rustup conda mamba micromamba pixi virtualenv op doppler \
         vault aws-vault chamber sops teller infisical summon berglas foreman overmind hivemind honcho goreman pm2 forever \
         nodemon watchexec entr chokidar onchange reflex air watchman fswatch inotifywait concurrently npm-run-all run-s \
         run-p wait-on start-server-and-test rg-pre tar gtar bsdtar zip rsync split sort-compress crontab at batch cron \
         anacron nq ts tsp xterm uxterm rxvt urxvt gnome-terminal konsole alacritty kitty wezterm foot tilix terminator \
         x-terminal-emulator xdg-open open start cmdkey wsl wslview flatpak snap toolbox distrobox appimage-run steam-run \
         sensible-editor sensible-pager editor pager openssl-engine socat nc ncat netcat inetd tcpserver ucspi-tcp \
         sshpass torsocks torify proxychains proxychains4 tsocks ld.so ld-linux ld-linux-x86-64.so ssh-agent gpg-agent runcon \
         aa-exec eatmydata sotruss latrace gdbserver systemd-socket-activate msgexec msgfilter fakeroot-tcp fakeroot-sysv pee \
         mispipe lxterminal ghostty xfce4-terminal scriptlive dbus-run sandbox-exec nsjail minijail0 tsp-run parallel-exec",
    ),
    (
        Kind::Remote,
        "ssh slogin autossh mosh dropbear dbclient plink putty et rsh rexec rlogin remsh telnet sftp scp pssh pdsh clush \
         dsh mussh fabric ansible salt kubectl oc k3s k9s kubectx helm nomad docker podman nerdctl buildah skopeo \
         docker-compose podman-compose lxc lxc-attach lxc-execute incus limactl lima colima multipass orb crictl ctr runc \
         crun youki heroku fly flyctl gcloud az aws doctl railway vercel netlify wrangler cf tsh teleport boundary adb \
         idevice tmux screen zellij byobu abduco dtach dvtm watch viddy gwatch parallel sem rush gxpc srun sbatch salloc \
         qsub qrsh bsub condor_run mpirun mpiexec orterun torchrun",
    ),
    (
        Kind::Tool,
        "vi vim nvim view vimdiff gvim rvim rview ex ed red edit nvi vis kak kakoune hx helix emacs emacsclient xemacs \
         jed joe nano pico micro mcedit mc code codium code-server subl less more most lesspipe man info w3m lynx links \
         elinks mutt neomutt mail mailx tig lazygit ranger nnn lf vifm fzf sk peco sed gsed ssed gawk find hg svn bzr fossil \
         jj pijul cvs tcpdump tshark nmap ftp lftp ncftp wget aria2c git-shell git-upload-pack make-debug msfconsole",
    ),
];

/// Those of the names above that are words of other programs, too.
const WORDS: &str = "task go just time watch at batch script run open start exec command eval edit view more most man info mail env invoke \
     rush moon act air arch boot mill mix thor pub please port op vault expect js r d8 rc es ion nu oil make find sort split \
     daemon supervise foreground login link links port fly et cf code screen parallel cross fake cake nuke cc ts rr sk lf ex \
     ed dc bc editor pager configure act stack dart swift garden tilt ni nr inv fab doit forever reflex chamber summon \
     teller forth pike gem bundle pip rake perf nice builtin scheme zip tar less vis info micro joe fossil ld pants foot \
     terminator kitty boundary railway steam-run rebar prove crystal nim hy msh command.com salt chef puppet helm start-server-and-test chronic";
