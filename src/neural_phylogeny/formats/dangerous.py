"""Names that could run something, and that a checkpoint has no honest use for.

Nothing a file names is ever imported or called, on this list or not: a file that names one of these is refused so
that its owner learns what it would have done elsewhere. ``functools.partial`` is not on the list: honest modules
carry one, and whatever it would call must be named too.
"""

from __future__ import annotations

MODULES = frozenset(
    """_ctypes _frozen_importlib _frozen_importlib_external _imp _io _operator _pickle _posixsubprocess _socket
    _thread _winapi aiohttp ast asyncio asyncore atexit bdb builtins __builtin__ cProfile cloudpickle codeop commands
    compileall concurrent ctypes dill distutils doctest ensurepip faulthandler ftplib gc http httplib imp importlib
    inspect io lib2to3 linecache marshal mmap multiprocessing nt ntpath numpy.distutils numpy.f2py
    numpy.testing operator os pdb pickle pip pkgutil popen2 posix posixpath pty py_compile pydoc requests runpy sched
    setuptools shelve shutil smtplib socket socketserver sqlite3 ssl subprocess sys sysconfig telnetlib tempfile
    threading timeit torch._dynamo torch._inductor torch.classes torch.distributed.elastic torch.distributed.rpc
    torch.fx torch.hub torch.jit torch.ops torch.package torch.utils.cpp_extension trace urllib urllib2 venv
    webbrowser winreg wsgiref xmlrpc zipimport""".split()
)
"""These modules and everything below them."""

MODULES_ALONE = frozenset("code platform profile select signal site".split())
"""Only these modules themselves: people have packages of their own so called, these have nothing below them."""

NAMES = frozenset(
    """functools.reduce numpy.fromfile numpy.genfromtxt numpy.load numpy.loads numpy.loadtxt numpy.memmap numpy.save
    numpy.savetxt numpy.savez pandas.core.computation.eval.eval pandas.eval pandas.read_pickle pandas.io.pickle
    torch.compile torch.load torch.save torch.serialization.load torch.serialization.save
    torch.storage._load_from_bytes types.CodeType types.FunctionType types.LambdaType""".split()
)


def is_dangerous(module: str, name: str) -> bool:
    """Whether a global name could run something when called; either part may be dotted.

    Examples
    --------
    >>> is_dangerous("os", "system"), is_dangerous("torch", "hub.load"), is_dangerous("argparse", "Namespace")
    (True, True, False)
    """
    qualified = f"{module}.{name}"
    parts = qualified.split(".", 8)
    parents = {".".join(parts[:k]) for k in range(1, len(parts) + 1)}
    return bool(parents & MODULES or parents & NAMES or module in MODULES_ALONE)
