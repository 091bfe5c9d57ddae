"""Setting up: what is said when it cannot be done, and when it need not be done again."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from tests.architecture import tree

setup = tree.tool("setup")
lab = tree.tool("lab")
browser = tree.tool("browser")


def script(path, text: str) -> str:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def checkout(tmp_path):
    """The files that the set-up reads, in a folder whose name has a space."""
    folder = tmp_path / "a folder"
    shutil.copytree(tree.ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE"):
        shutil.copy(tree.ROOT / name, folder)
    return folder


def make(folder, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=clean | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_is_said_in_one_sentence(checkout):
    says = 'case "$2" in *print*) echo "Python 3.8.10";; *) exit 1;; esac'
    old = script(checkout / "old", f"#!/bin/sh\n{says}\n")
    done = make(checkout, "setup", PYTHON=old)
    assert done.returncode != 0
    first, *rest = done.stderr.splitlines()
    assert first.startswith("vergence needs Python 3.11 or newer, but PYTHON=")
    assert "is Python 3.8.10. Type: make PYTHON=" in first
    assert all("make:" in line for line in rest)


def test_no_python_at_all_names_the_line_to_type(checkout, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "make"):
        (folder / name).symlink_to(shutil.which(name))
    done = make(checkout, "setup", PATH=str(folder))
    assert done.returncode != 0
    assert "python3 here is no working Python. On Debian or Ubuntu type: sudo apt-get install" in done.stderr


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_names_the_package(module, tmp_path, monkeypatch):
    util = setup.importlib.util
    real = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == module else real(name))
    with pytest.raises(setup.SetUpFailed) as failure:
        setup.python_of(tmp_path / ".venv")
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert f"its module {module} is missing" in str(failure.value)
    assert f"sudo apt-get install {here}-venv" in str(failure.value)


def test_a_failed_download_says_what_to_do_and_leaves_no_stamp(checkout):
    # pip is real and is told to look nowhere, which fails at once, as a closed network does after a while
    done = make(checkout, "setup", PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    assert done.returncode != 0
    assert "The set-up stopped: pip did not finish" in done.stderr
    for word in ("type make again", "HTTPS_PROXY", "PIP_INDEX_URL", "a full disk"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert (checkout / ".venv/bin/python").exists()
    assert not (checkout / ".venv" / setup.STAMP).exists()
    assert not (checkout / ".venv" / setup.UNFINISHED).exists()  # what has arrived may be kept


def test_an_install_that_was_killed_is_made_anew(tmp_path, monkeypatch, capsys):
    venv = tmp_path / ".venv"
    calls = []

    def killed(command, **options):
        calls.append(command)
        if "pip" in command:
            raise KeyboardInterrupt
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(setup.subprocess, "run", killed)
    venv.mkdir()
    with pytest.raises(KeyboardInterrupt):
        setup.install(venv, constraints="")
    assert not (venv / setup.STAMP).exists()
    assert (venv / setup.UNFINISHED).exists()

    calls.clear()
    monkeypatch.setattr(setup, "works", lambda python: True)
    setup.python_of(venv)
    assert "is not whole and is made anew" in capsys.readouterr().out
    assert calls == [[sys.executable, "-m", "venv", "--clear", str(venv)]]


@pytest.fixture
def ready(checkout):
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").touch()
    (venv / setup.STAMP).write_text(json.dumps(setup.wanted(checkout)))
    return checkout


def test_a_second_call_does_nothing(ready):
    assert setup.is_ready(ready / ".venv", ready)
    done = make(ready, "setup")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pyproject.toml", '"numpy>=', '"numpy>=0.'),
        ("constraints.txt", "torch==", "torch==1"),
    ],
)
def test_changed_requirements_are_installed(ready, name, old, new):
    text = (ready / name).read_text(encoding="utf-8")
    assert old in text
    (ready / name).write_text(text.replace(old, new), encoding="utf-8")
    assert not setup.is_ready(ready / ".venv", ready)


def test_other_settings_in_pyproject_are_no_reason(ready):
    text = (ready / "pyproject.toml").read_text(encoding="utf-8")
    assert "[tool.ruff]\n" in text
    (ready / "pyproject.toml").write_text(text.replace("[tool.ruff]\n", '[tool.ruff]\ncache-dir = "x"\n'))
    assert setup.is_ready(ready / ".venv", ready)


def test_a_moved_folder_is_set_up_again(ready):
    moved = ready.rename(ready.with_name("moved folder"))
    assert not setup.is_ready(moved / ".venv", moved)


def test_another_python_than_the_environments_is_not_ignored(tmp_path, monkeypatch):
    (tmp_path / "pyvenv.cfg").write_text("version = 3.99.1\n")
    monkeypatch.setenv("PYTHON", sys.executable)
    with pytest.raises(setup.SetUpFailed, match=r"made with Python 3\.99\. Type: make clean"):
        setup.check_version(tmp_path)
    monkeypatch.delenv("PYTHON")
    setup.check_version(tmp_path)


def test_pins_carry_no_build_label():
    sys.modules["setup"] = setup  # tools/pins.py is started from its own folder
    try:
        pins = tree.tool("pins")
    finally:
        del sys.modules["setup"]
    found = [("Torch", "2.13.0+cpu"), ("ruamel.yaml_x", "1.0"), ("vergence", "0.1.0")]
    report = [{"metadata": {"name": name, "version": version}} for name, version in found]
    assert pins.lines(report) == ["ruamel-yaml-x==1.0", "torch==2.13.0"]


@pytest.mark.parametrize(
    ("platform", "environment", "screen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ":0", "CI": "true"}, False),
        ("darwin", {}, True),
    ],
)
def test_lab_opens_a_browser_where_there_is_a_screen(platform, environment, screen):
    assert ("--no-browser" not in lab.arguments(platform, environment, 1000)) == screen


def test_lab_as_root_and_with_arguments_of_your_own():
    assert "--allow-root" in lab.arguments("linux", {}, 0)
    assert "--allow-root" not in lab.arguments("linux", {}, 1000)
    assert lab.arguments("linux", {"LAB_ARGS": "--port 9000"}, 1000)[-2:] == ["--port", "9000"]


def test_a_browser_that_is_named_is_taken_or_refused(tmp_path, monkeypatch):
    chrome = script(tmp_path / "my chrome", "#!/bin/sh\n")
    monkeypatch.setenv("CHROMIUM", chrome)
    assert browser.find() == chrome
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "absent"))
    with pytest.raises(browser.NoBrowser, match="Correct or unset it"):
        browser.find()


def test_a_browser_on_the_path_is_found(tmp_path, monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "PLACES", ())
    assert browser.find() is None
    chrome = script(tmp_path / "google-chrome", "#!/bin/sh\n")
    assert browser.find() == chrome


def test_without_a_browser_the_line_to_type_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "PLACES", ())
    with pytest.raises(browser.NoBrowser, match="sudo apt-get install chromium"):
        browser.main()


def test_a_browser_is_installed_where_no_question_is_asked(tmp_path, monkeypatch, capfd):
    log = tmp_path / "log"
    chrome = tmp_path / "chromium"
    installs = f'case "$1" in install) echo > "{chrome}"; /bin/chmod +x "{chrome}";; esac'
    script(tmp_path / "apt-get", f'#!/bin/sh\necho "$@" >> "{log}"\n{installs}\n')
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "PLACES", ())
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0)
    browser.main()
    assert capfd.readouterr().out == f"{chrome}\n"
    update, install = log.read_text().splitlines()
    assert update.startswith("update")
    assert "install" in install
    assert "chromium" in install


def test_sudo_is_used_only_when_it_asks_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)
    script(tmp_path / "apt-get", "#!/bin/sh\n")
    assert browser.apt_get() is None
    sudo = script(tmp_path / "sudo", "#!/bin/sh\nexit 1\n")
    assert browser.apt_get() is None
    script(tmp_path / "sudo", "#!/bin/sh\nexit 0\n")
    assert browser.apt_get() == [sudo, "-n", "apt-get"]


def test_a_second_set_up_waits_for_the_first(checkout):
    code = "import time, pathlib, setup\nwith setup.alone(pathlib.Path('.')):\n    {body}"
    first = "print('in', flush=True); input()"
    command = [sys.executable, "-c"]
    where = {"cwd": checkout, "env": os.environ | {"PYTHONPATH": "tools"}, "text": True}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([*command, code.format(body=first)], **where, **pipes) as one:
        assert one.stdout.readline() == "in\n"
        with subprocess.Popen([*command, code.format(body="print('also in')")], **where, **pipes) as two:
            assert two.stdout.readline().startswith("Another make is setting up this folder")
            assert two.poll() is None
            one.communicate("\n")
            assert two.communicate()[0] == "also in\n"
