// Draws the figures of the last day in place of their table.
(() => {
  const box = document.querySelector("[data-charts]");
  if (!box || !window.uPlot) return;
  const MB = 1024 * 1024;
  const CHARTS = [
    ["Calls a second", (sample) => sample.callsPerSecond],
    ["Commits a second", (sample) => sample.commitsPerSecond],
    ["Longest stall, ms", (sample) => sample.longestStallMs],
    ["Database, MB", (sample) => sample.databaseBytes / MB],
    ["Free on the disk, MB", (sample) => sample.freeBytes / MB],
  ];
  // A canvas knows no variables of a stylesheet: ask an element for the colour that one stands for.
  const colour = (name) => {
    box.style.color = `var(${name})`;
    const { color } = getComputedStyle(box);
    box.style.color = "";
    return color;
  };
  const MINUTE = 60; // s
  const clock = new Intl.DateTimeFormat(undefined, {
    ...{ hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  });
  const timeOf = (seconds) => clock.format(seconds * 1000);
  let plots = [];

  const draw = (samples) => {
    if (samples.length < 2) return;
    box.className = "charts";
    box.replaceChildren();
    for (const plot of plots) plot.destroy();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 } };
    const times = {
      ...axis,
      // One sample a minute: labels of less would repeat the minute.
      incrs: [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360].map((minutes) => minutes * MINUTE),
      values: (_plot, splits) => splits.map(timeOf),
    };
    plots = CHARTS.filter(([, of]) => samples.some((sample) => Number.isFinite(of(sample)))).map(
      ([title, of]) => {
        const figure = box.appendChild(document.createElement("figure"));
        const values = samples.map((sample) => (Number.isFinite(of(sample)) ? of(sample) : null));
        const options = {
          title,
          width: figure.clientWidth,
          height: 180,
          legend: { live: true },
          scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
          axes: [times, { ...axis, size: 60 }],
          series: [
            { label: "Time", value: (_plot, at) => (at === null ? "" : timeOf(at)) },
            { label: title, stroke: colour("--mark"), width: 1.5 },
          ],
        };
        return new window.uPlot(
          options,
          [samples.map((sample) => sample.at / 1000), values],
          figure,
        );
      },
    );
  };

  const load = async () => {
    const answer = await fetch(box.dataset.charts).catch(() => undefined);
    if (answer?.ok) draw(await answer.json());
  };
  load();
  setInterval(load, 60_000);
  window.addEventListener("resize", () => {
    for (const plot of plots)
      plot.setSize({ width: plot.root.parentElement.clientWidth, height: 180 });
  });
})();
