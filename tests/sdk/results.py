"""The end of a file of cases: it runs them, and prints the line that run.sh sums up."""

import importlib.metadata
import sys
import unittest


def main(package, *others):
    """Runs the cases of the main module, and of others."""
    modules = [sys.modules["__main__"], *others]
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromModule, modules))
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    version = importlib.metadata.version(package)
    print(f"{package} {version}: {result.testsRun - failed} passed, {failed} failed")
    sys.exit(bool(failed) or not result.testsRun)
