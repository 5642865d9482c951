"""conftest.py - the order in which the system tests are begun"""

# Files that take minutes.  Two processes share the files (./dev test): begun last, one of these would be
# waited for by an idle core.
LONG = ["test_slurm.py", "test_faults.py", "test_transfer.py", "test_login.py", "test_crash.py",
        "test_slurm_dirs.py", "test_console.py", "test_bench_slurm.py"]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
