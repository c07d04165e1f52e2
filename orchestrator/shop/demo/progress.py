"""How the orders fare, live: a table that moves on a terminal, one line for each change elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.cli.output.rendering import changes, current_step, progress_text, status_text
from saga.v1 import saga_pb2
from shop.order.v1.order_pb2 import Order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from orchestrator.shop.demo.orders import DemoOrder

_FRAMES_PER_SECOND: Final = 12


class Progress:
    """Shows orders while they change.

    Args:
        console: where.
        orders: which.
    """

    def __init__(self, console: Console, orders: Iterable[DemoOrder]) -> None:
        self._console = console
        self._orders = list(orders)
        self._seen: dict[int, Order] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show what changes within the block."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, get_renderable=self._table, refresh_per_second=_FRAMES_PER_SECOND):
            yield

    def tell(self, text: str) -> None:
        """Say what is being done to the orders."""
        self._console.print(Text(text, style="bold yellow"))

    def update(self, order: DemoOrder, view: Order) -> None:
        """An order has changed."""
        before = self._seen.get(order.number, Order())
        self._seen[order.number] = view
        if self._console.is_terminal:
            return
        lines = changes(before.steps, view.steps)
        if before.status != view.status:
            lines.append(Text.assemble("the order is ", status_text(view.status)))
        for line in lines:
            self._console.print(Text.assemble(f"order {order.number}: ", line), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for order in self._orders:
            view = self._seen.get(order.number)
            if view is None:
                table.add_row(f"{order.number}", Text(order.title, style="dim"))
                continue
            at = current_step(view.steps)
            table.add_row(
                f"{order.number}",
                order.title,
                progress_text(view.steps),
                Text.assemble(status_text(view.status), f" {at}" if at else ""),
            )
        return table


def half_way(view: Order, step_key: str) -> bool:
    """The order waits for that step's answer."""
    return any(step.key == step_key and step.state == saga_pb2.STEP_STATE_IN_PROGRESS for step in view.steps)
