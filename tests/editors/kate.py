"""What a user does in Kate: its menus and views, by what Kate tells a screen reader. Writes what it saw as JSON.

TASK_FILE: a task whose wave fails at it; SLOW_FILE: one whose wave does not end by itself; SETTINGS: of Kate's LSP client;
SCENE: a folder for Kate's own files. To be started by `dbus-run-session`: the screen, and what is told to the screen
reader, are this session's own.
"""

import atexit
import json
import os
import re
import subprocess
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib

SEEN = {}
DEADLINE = 60
IS_SILENT = 3
TRIES = 8


def finish():
    with open(os.environ["REPORT_FILE"], "w", encoding="utf-8") as file:
        json.dump(SEEN, file)
    sys.exit()


def look_for(look, seconds=5):
    """The first answer of `look` that is true; `None` where none comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # What is known of Kate is renewed by what it tells meanwhile.
        while GLib.MainContext.default().iteration(False):
            pass
        try:
            if found := look():
                return found
        except GLib.Error:
            pass  # what was looked at is gone meanwhile
        time.sleep(0.05)
    return None


def wait(what, look):
    """Waits until `look` answers; without an answer `what` is missing."""
    if found := look_for(look, DEADLINE):
        return found
    SEEN["missing"] = what
    SEEN["shown"] = [text for node in nodes() if (text := shown(node))]
    return finish()


def start(*command, **options):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    atexit.register(process.wait)
    atexit.register(process.terminate)
    return process


def start_screen():
    read, write = os.pipe()
    start("Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as display:
        os.environ["DISPLAY"] = ":" + display.readline().strip()


def prepare():
    home, server = os.path.join(os.environ["SCENE"], "kate"), os.environ["FEATURE_BUILD"]
    os.makedirs(os.path.join(home, "config/kate/lspclient"))
    os.makedirs(os.path.join(home, "run"), mode=0o700)
    with open(os.path.join(home, "config/kate/lspclient/settings.json"), "w", encoding="utf-8") as file:
        file.write(os.environ["SETTINGS"])
    with open(os.path.join(home, "config/katerc"), "w", encoding="utf-8") as file:
        # What the user says when Kate asks whether to start the server.
        file.write(f"[Kate Plugins]\nlspclientplugin=true\n[lspclient]\nAllowedServerCommandLines={server} lsp\n")
    os.environ.update(
        XDG_CONFIG_HOME=os.path.join(home, "config"),
        XDG_DATA_HOME=os.path.join(home, "data"),
        XDG_CACHE_HOME=os.path.join(home, "cache"),
        XDG_RUNTIME_DIR=os.path.join(home, "run"),
        PATH=os.path.dirname(server) + os.pathsep + os.environ["PATH"],
        QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1",
    )
    start("/usr/libexec/at-spi-bus-launcher", "--launch-immediately")
    # A program that finds nobody there when it starts tells nothing later either.
    reader = Gio.DBusProxy.new_for_bus_sync(
        Gio.BusType.SESSION, Gio.DBusProxyFlags.NONE, None, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", None
    )
    wait("the screen reader's bus", lambda: reader.call_sync("GetAddress", None, Gio.DBusCallFlags.NONE, -1, None))


def has_server(kate):
    with open(f"/proc/{kate.pid}/task/{kate.pid}/children", encoding="utf-8") as children:
        programs = [os.path.join("/proc", child, "cmdline") for child in children.read().split()]
    return any(b"\0lsp\0" in open(program, "rb").read() for program in programs)


def children(node):
    every = map(node.get_child_at_index, range(node.get_child_count()))
    return [child for child in every if child is not None]


def nodes(parent=None):
    """All that Kate shows, or what belongs to one part of it. Menus are not deep, and come soon."""
    level = children(parent or Atspi.get_desktop(0))
    while level:
        yield from level
        level = [child for node in level for child in children(node)]


def shown(node):
    """What a person reads there."""
    text = "Text" in node.get_interfaces() and Atspi.Text.get_text(node, 0, -1)
    return text or node.get_name() or ""


def find(role, pattern, parent=None):
    roles = (node for node in nodes(parent) if node.get_role_name() == role)
    return next((node for node in roles if re.search(pattern, shown(node))), None)


def click(node):
    """Whether it is on the screen, and was clicked."""
    if node is None or not node.get_state_set().contains(Atspi.StateType.SHOWING):
        return False
    where = node.get_extents(Atspi.CoordType.SCREEN)
    at = [str(where.x + where.width // 2), str(where.y + where.height // 2)]
    subprocess.run(["xdotool", "mousemove", *at, "click", "1"], check=True)
    return True


def press(*keys):
    subprocess.run(["xdotool", "key", *keys], check=True)


def offered(menu):
    """The code actions that stand in the menu while it is open."""
    return [node.get_name() for node in nodes(menu) if node.get_name()]


def choose(pattern):
    """Opens the menu until the action is in it, and chooses it."""
    def menu():
        return find("menu item", "^Code Action$")

    def is_chosen():
        press("Escape", "Escape")
        if not look_for(lambda: click(find("menu item", "^LSP Client$"))) or not look_for(lambda: click(menu())):
            return False
        action = look_for(lambda: find("menu item", pattern, menu()))
        SEEN["offered"] = offered(menu())
        SEEN.setdefault("actions", SEEN["offered"])
        return action and look_for(lambda: click(action))

    wait(pattern, is_chosen)


def output():
    """All that Kate's output view has."""
    return "\n".join(text for node in nodes() if "LSP " in (text := shown(node)))


def main():
    start_screen()
    prepare()
    # Now and then Kate tells a screen reader nothing at all: the next one does.
    for _ in range(TRIES):
        kate = start("kate", "--new", os.environ["TASK_FILE"])
        wait("the server", lambda: has_server(kate))
        if subprocess.run([sys.executable, __file__, "look"], check=False).returncode != IS_SILENT:
            return
        kate.terminate()
        kate.wait()
    SEEN["missing"] = "what Kate tells a screen reader"
    finish()


def look():
    Atspi.init()
    if not look_for(lambda: any(children(application) for application in children(Atspi.get_desktop(0))), 10):
        sys.exit(IS_SILENT)
    wait("the menu", lambda: find("menu item", "^LSP Client$"))
    SEEN["version"] = version()
    choose("Run wave")
    SEEN["root"] = re.search(r"Started server markdown@([^:]*)", output()).group(1)
    SEEN["end"] = wait("the end", lambda: re.search("wave 1 of FEAT-TXT: .* failed in .*", output())).group()
    wait("the view of problems", lambda: click(find("check box", "^LSP$")))
    failure = wait("the failure", lambda: find("table cell", r"TASK-TXT-002 failed \(exit \d+\)"))
    SEEN["failure"] = shown(failure)
    SEEN["related"] = shown(wait("its log", lambda: find("table cell", r"TASK-TXT-002\.log")))
    choose("Open the log of TASK-TXT-002")
    # This client opens no documents for a server, which then says where the log is.
    wait("where the log is", lambda: re.search(r"the log is .*/TASK-TXT-002\.log", output()))

    subprocess.run(["kate", os.environ["SLOW_FILE"]], stderr=subprocess.DEVNULL, check=True)
    wait("the second file", lambda: find("frame", "TASK-SLOW-001"))
    choose("Run wave")
    wait("progress", lambda: re.search(r"TASK-SLOW-001 \[ *0%\] 0/1", output()))
    choose("Cancel: TASK-SLOW-001")
    choose(r"Open the log of TASK-SLOW-001 \(cancelled\)")
    finish()


def version():
    told = subprocess.run(["kate", "--version"], capture_output=True, text=True, check=True)
    return told.stdout.strip().capitalize()


if __name__ == "__main__":
    look() if sys.argv[1:] == ["look"] else main()
