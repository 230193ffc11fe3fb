"""Every notebook runs top to bottom, wherever it is started from, and is committed without outputs."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient

import pqnlp

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


class ThisPython(KernelSpecManager):
    """Kernels of the Python that runs the tests, whatever kernels are or are not installed on the machine."""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def run(path: Path, folder: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
    client = NotebookClient(notebook, km=kernel, timeout=120, resources={"metadata": {"path": str(folder)}})
    # The kernel must see the same pqnlp as the tests, also where it is not installed.
    paths = [str(Path(pqnlp.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return client.execute(env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))})


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("folder", [ROOT, ROOT / "notebooks"], ids=["root", "notebooks"])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_top_to_bottom(path, folder):
    done = run(path, folder)
    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    warned = [
        out.text for cell in cells for out in cell.outputs if out.output_type == "stream" and out.name == "stderr"
    ]
    assert not warned


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_failing_cell_fails_the_run(path, tmp_path):
    # The test above must not pass on a notebook that breaks.
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import pqnlp\npqnlp.read('nowhere.csv')")])
    nbformat.write(notebook, tmp_path / path.name)
    with pytest.raises(Exception, match="There is no file"):
        run(tmp_path / path.name, tmp_path)
