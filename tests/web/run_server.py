"""The server and the checks of tests/http/run.py, which is a program and a module at once."""
import importlib.util
import os

_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http", "run.py")
_SPEC = importlib.util.spec_from_file_location("http_run", _PATH)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

Failure, Server, check = _MODULE.Failure, _MODULE.Server, _MODULE.check
