import warnings
from pathlib import Path

import jupytext
import nbclient
import nbformat
import pytest

from tests.small_store import Shop

HOME = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted((HOME / "notebooks").glob("*.py"))


def _run(path: Path, parameters: dict[str, object], folder: Path) -> nbformat.NotebookNode:
    """The executed notebook; the cell tagged `parameters` gets our values after its own."""
    notebook = jupytext.read(path)
    cell = next(found for found in notebook.cells if "parameters" in found.metadata.get("tags", []))
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with warnings.catch_warnings():
        # The kernel's transport warns about sockets that it closes by itself when it is collected.
        warnings.simplefilter("ignore", ResourceWarning)
        client.execute()
    return notebook


def _printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(
        output.text if output.output_type == "stream" else output.get("data", {}).get("text/plain", "")
        for output in outputs
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_and_names_the_cause(
    path: Path, shop_folder: Path, slow_payment: Shop, tmp_path: Path
) -> None:
    """Every cell runs on stored data, the slow service is named, and a chart is drawn."""
    window = slow_payment.fault_window
    parameters = {"SOURCE": str(shop_folder), "START": window.start_ns, "END": window.end_ns}
    notebook = _run(path, parameters, tmp_path)
    printed = _printed(notebook)
    assert "cause_found" in printed and "payment" in printed
    assert "entered at frontend" in printed
    pictures = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 1
    errors = [output for cell in notebook.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"]
    assert errors == []


def test_there_is_a_notebook() -> None:
    """The folder of notebooks is where the tests look."""
    assert [path.stem for path in NOTEBOOKS] == ["first_look"]
