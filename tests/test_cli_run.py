"""`tidu run` beside `python`: what a program sees of its interpreter, and how it ends, agree."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.slow

PYTHON = [sys.executable]
TIDU = [sys.executable, "-m", "tidu", "run"]


@pytest.fixture
def program(tmp_path):
    """Writes a program of the given text and returns its folder."""

    def write(text, name="program.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path

    return write


def run(command, folder, stdin="", **variables):
    return subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "default", **variables},
    )


def outcome(command, folder, stdin=""):
    done = run(command, folder, stdin)
    return done.returncode, done.stdout, done.stderr


def same(arguments, folder, stdin=""):
    """Asserts that both runners end alike; returns what they printed."""
    expected = outcome([*PYTHON, *arguments], folder, stdin)
    assert outcome([*TIDU, *arguments], folder, stdin) == expected
    return expected


SEEN = """
    import os, sys
    print(sys.argv, sys.path, __name__, __spec__ and __spec__.name, __package__)
    print(globals().get("__file__"))
    print(sorted(globals()), sys.modules["__main__"].__dict__ is globals(), os.getcwd())
    print(globals().get("__cached__", 1), type(__loader__).__name__, __doc__, sys.flags)
"""


@pytest.mark.parametrize("arguments", [[], ["a", "b c"], ["--help"], ["-m", "x"], ["--", "-c"]])
def test_arguments_and_globals(program, arguments):
    same(["program.py", *arguments], program(SEEN))


def test_path_of_the_script(program):
    folder = program(SEEN, "inner/deep.py")
    same(["inner/deep.py"], folder)
    same(["./inner/../inner/deep.py"], folder)
    (folder / "link.py").symlink_to(folder / "inner" / "deep.py")
    code, out, _ = outcome([*TIDU, "link.py"], folder)
    assert code == 0 and f"'{folder}/inner'" in out


def test_imports_from_the_folder_of_the_script(program):
    program("value = 42", "inner/beside.py")
    folder = program("import beside; print(beside.value)", "inner/main.py")
    assert same(["inner/main.py"], folder)[1] == "42\n"


def test_code_string(program):
    folder = program("")
    same(["-c", "import sys; print(sys.argv, sys.path[0], __name__)", "x", "-m"], folder)
    same(["-c", "1/0"], folder)


def test_standard_input(program):
    folder = program("import sys; print(sys.stdin.read())")
    same(["program.py"], folder, stdin="to the program")
    same(["-", "x"], folder, stdin="import sys\nprint(sys.argv, sys.path[0], __name__)\n1/0\n")


def test_module(program):
    program("", "package/__init__.py")
    program("import sys; print('in __main__', sys.argv)", "package/__main__.py")
    program("from . import helper; raise ValueError(helper.text)", "package/failing.py")
    folder = program("text = 'from the helper'", "package/helper.py")
    program(SEEN, "alone.py")
    for module in ("package", "package.failing"):
        same(["-m", module, "a"], folder)
    expected = outcome([*PYTHON, "-m", "alone", "x"], folder)
    assert outcome([*TIDU, "-m", "alone", "x"], folder)[:2] == expected[:2]
    code, _, error = same(["-m", "package.absent"], folder)
    assert code == 1 and "No module named package.absent" in error


def test_folder_with_main(program):
    folder = program("import sys; print(sys.argv, sys.path[0]); 1/0", "app/__main__.py")
    same(["app", "x"], folder)


@pytest.mark.parametrize(
    "text",
    [
        "1/0",
        "def f():\n  raise KeyError('x')\ntry:\n  f()\nexcept KeyError as e:\n  raise OSError",
        "x = (1,\n",
        "if True:\nprint(1)",
        "import sys; sys.exit()",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('goodbye')",
        "raise SystemExit(None)",
        "import absent_module",
        "import sys; sys.excepthook = lambda *e: print('mine', e[0], e[2].tb_lineno); 1/0",
        "import atexit; atexit.register(print, 'at exit'); 1/0",
        "import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start()\nt.join()\nprint(1)",
        "import warnings; warnings.warn('careful')",
        "import os; os._exit(7)",
        "raise ExceptionGroup('several', [ValueError(1), KeyError(2)])",
        "# coding: latin-1\nprint('é')",
        "import os; os.chdir('/'); print(__file__); raise OSError",
        "class A:\n  def __del__(self): print('del', __name__)\na = A()",
        "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)",
        "import inspect\ndef f(): return 1\nprint(inspect.getsource(f))",
    ],
)
def test_ends_alike(program, text):
    same(["program.py"], program(text))


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_keyboard_interrupt(program):
    folder = program(
        "import os, signal, sys, time\n"
        # A job in the background starts with the signal ignored; this program wants it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print('ready', flush=True)\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)"
    )
    code, _, error = same(["program.py"], folder)
    assert code == -signal.SIGINT and error.endswith("KeyboardInterrupt\n")


def test_a_traceback_ends_at_the_line_of_the_program(program):
    folder = program(
        """
        import torch
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(5, 2))
            def forward(self, x):
                return self.layers(x)
        try:
            torch.ones(3)[9]
        except IndexError:
            Net()(torch.ones(1, 3))
        """
    )
    shown = run([*TIDU, "program.py"], folder).stderr
    blocks = shown.split("During handling of the above exception")
    ends = [block.strip().splitlines()[-4:] for block in blocks]
    assert len(blocks) == 2, shown
    assert any("torch.ones(3)[9]" in line for line in ends[0])
    assert any("return self.layers(x)" in line for line in ends[1])
    assert "mat1 and mat2 shapes cannot be multiplied (1x4 and 5x2)" in shown
    full = run([*TIDU, "program.py"], folder, TIDU_TRACEBACK="full").stderr
    assert "self.layers(x)" in full and full.count("File ") > shown.count("File ")


def test_missing_script(program):
    folder = program("")
    done = run([*TIDU, "progam.py"], folder)
    assert done.returncode == 2
    assert "can't open file" in done.stderr and "did you mean 'program.py'?" in done.stderr


def test_torch_is_tidu(program):
    text = """
        import importlib.metadata, importlib.util, sys
        print(importlib.metadata.version("torch").startswith("2.13.0"), "torch" in sys.modules)
        import torch
        import tidu
        print(torch is tidu, sys.modules["torch"] is sys.modules["tidu"])
        print(torch.__name__, torch.__spec__.name, importlib.util.find_spec("torch") is not None)
        print(importlib.util.find_spec("torch.absent"))
        import torch.version
        from torch import version
        from tidu import version as own
        print(version is own, torch.version is own, sys.modules["torch.version"] is own)
    """
    done = run([*TIDU, "program.py"], program(text))
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "True False",
        "True True",
        "torch tidu True",
        "None",
        "True True True",
    ]


def test_modules_that_have_their_home_elsewhere(program):
    folder = program("""
        import torch
        import torch.autograd.profiler as profiler
        from torch.autograd.profiler import profile, record_function
        from torch.storage import TypedStorage, UntypedStorage
        from torch.types import Device, Number
        print(Number, profiler.profile is torch.profiler.profile, isinstance(2, Number))
    """)
    done = run([*TIDU, "program.py"], folder)
    assert (done.stdout, done.stderr) == ("int | float | bool True True\n", "")


def test_missing_module_of_torch(program):
    folder = program("import torch.absent")
    done = run([*TIDU, "program.py"], folder)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[-2] == "ModuleNotFoundError: No module named 'torch.absent'"
    assert lines[-1].startswith("hint: torch is served by tidu here")
    assert "cli/" not in done.stderr


CHILDREN = """
    import multiprocessing, os, subprocess, sys

    def child(queue):
        import torch
        queue.put((torch.nn.__name__[:4], os.path.basename(sys.argv[0]), __name__))

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        print(queue.get(timeout=30))
        process.join()
        command = [sys.executable, "-c", "import torch; print(torch.nn.__name__[:4])"]
        print(subprocess.run(command, capture_output=True, text=True).stdout.strip())
"""


@pytest.mark.skipif(os.name == "nt", reason="fork")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_processes(program, method):
    done = run([*TIDU, "program.py", method], program(CHILDREN))
    name = "__main__" if method == "fork" else "__mp_main__"
    assert done.stdout.splitlines() == [str(("tidu", "program.py", name)), "tidu"], done.stderr


def test_children_start_silently(program):
    """Also where there is no other sitecustomize that could take the place of tidu's."""
    folder = program(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-S', '-c', 'import site; site.main(); print(1)'])\n"
        "subprocess.run([sys.executable, '-c', 'import torch; print(torch.nn.__name__[:4])'])"
    )
    done = run([*TIDU, "program.py"], folder)
    assert done.stdout.split() == ["1", "tidu"] and done.stderr == ""


def test_children_keep_their_own_sitecustomize(program):
    folder = program("print('custom')", "site/sitecustomize.py")
    program(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import sys; print(sys.path)'])"
    )
    done = run([*TIDU, "program.py"], folder, PYTHONPATH=str(folder / "site"))
    assert done.stdout.count("custom") >= 2 and "cli/children" not in done.stdout


TRAINING = """
import warnings
import torch
warnings.simplefilter("error")
model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
optimizer = torch.optim.NAME(model.parameters(), lr=0.01, OPTIONS)
x, y = torch.randn(16, 2), torch.randn(16, 1)
loss_of = torch.nn.MSELoss()

@torch.compile
def step():
    optimizer.zero_grad()
    loss = loss_of(model(x), y)
    loss.backward()
    optimizer.step()
    return loss

for _ in range(12):
    loss = step()
print(loss.grad_fn.name())
"""


@pytest.mark.parametrize("name, options", [("Adam", ""), ("SGD", "momentum=0.9")])
def test_a_training_step_is_compiled_as_without_the_command(program, tmp_path, name, options):
    """An optimizer's scratch memory is none of the program's, under any name of its classes."""
    text = TRAINING.replace("NAME", name).replace("OPTIONS", options)
    (tmp_path / "training.py").write_text(text)
    done = run([*TIDU, "training.py"], tmp_path)
    assert done.stdout == "CompiledFunctionBackward\n", done.stderr
