// Charts over the tables that hold their figures: without this, or for who cannot see it, the table is there.

(() => {
  "use strict";

  const HEIGHT = 180;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function figuresOf(table) {
    const rows = [...table.tBodies[0].rows];
    const columns = table.tHead.rows[0].cells.length;
    return Array.from({ length: columns }, (_, column) => rows.map((row) => {
      const value = row.cells[column].dataset.value;
      return value === undefined || value === "" ? null : Number(value);
    }));
  }

  const DAY = 86400;

  function moment(seconds, span) {
    const at = new Date(seconds * 1000);
    const two = (number) => String(number).padStart(2, "0");
    const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
    return span > 3 * DAY ? day : time;
  }

  function draw(figure) {
    const table = figure.querySelector("table");
    if (!table || !table.tBodies[0] || table.tBodies[0].rows.length < 2) return;
    const figures = figuresOf(table);
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const span = figures[0][figures[0].length - 1] - figures[0][0];
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const unit = figure.dataset.unit || "";
    const options = {
      width: figure.clientWidth,
      height: HEIGHT,
      cursor: { y: false },
      legend: { live: false },
      scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((tick) => moment(tick, span)) },
        { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => `${tick}${unit}`) },
      ],
      series: [{}, ...heads.map((head) => ({
        label: head.textContent,
        stroke: colour(head.dataset.colour || "--accent"),
        width: 2,
        dash: head.dataset.dash ? [6, 4] : undefined,
        points: { show: true, size: 4, fill: colour(head.dataset.colour || "--accent") },
      }))],
    };
    const place = document.createElement("div");
    place.className = "plot";
    place.setAttribute("aria-hidden", "true");
    figure.prepend(place);
    figure.plot = new uPlot(options, figures, place);
    figure.classList.add("drawn");
  }

  function redraw(part) {
    part.querySelectorAll("figure.chart").forEach((figure) => {
      if (figure.plot) figure.plot.destroy();
      figure.querySelectorAll(".plot").forEach((each) => each.remove());
      draw(figure);
    });
  }

  const redrawAll = () => redraw(document);
  document.addEventListener("console:shown", (event) => redraw(event.detail));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  let due = 0;
  addEventListener("resize", () => { clearTimeout(due); due = setTimeout(redrawAll, 150); });
  redrawAll();
})();
