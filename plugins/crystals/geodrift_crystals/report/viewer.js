// Draws cells on canvases: balls and edges sorted by depth, turned by mouse, finger or arrow keys.
(() => {
  const data = JSON.parse(document.getElementById("crystal-cells").textContent);
  const START = turn(turn(identity(), 0, -1.2), 1, 0.35);
  const PIECES = 6; // of an edge, so that balls may hide a part of it

  function identity() { return [[1, 0, 0], [0, 1, 0], [0, 0, 1]]; }

  // A rotation about the horizontal (0) or the vertical (1) axis of the screen, after `m`.
  function turn(m, axis, angle) {
    const c = Math.cos(angle), s = Math.sin(angle), [i, j] = axis === 0 ? [1, 2] : [2, 0];
    const r = m.map((row) => row.slice());
    for (let k = 0; k < 3; k++) {
      r[i][k] = c * m[i][k] - s * m[j][k];
      r[j][k] = s * m[i][k] + c * m[j][k];
    }
    return r;
  }

  function apply(m, v) { return m.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]); }

  // The corner at fractions `f` of the cell, from its middle.
  function corner(vectors, f) {
    return [0, 1, 2].map((k) => f.reduce((sum, share, i) => sum + (share - 0.5) * vectors[i][k], 0));
  }

  function edges(vectors) {
    const found = [];
    for (let axis = 0; axis < 3; axis++) {
      for (const [p, q] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
        for (let piece = 0; piece < PIECES; piece++) {
          const ends = [piece, piece + 1].map((step) => {
            const f = [0, 0, 0];
            f[axis] = step / PIECES; f[(axis + 1) % 3] = p; f[(axis + 2) % 3] = q;
            return corner(vectors, f);
          });
          found.push(ends);
        }
      }
    }
    return found;
  }

  function shade(colour, share) {
    const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const to = share > 0 ? 255 : 0, part = Math.abs(share);
    return `rgb(${parts.map((value) => Math.round(value + (to - value) * part)).join(",")})`;
  }

  function ball(context, x, y, radius, colour) {
    const light = context.createRadialGradient(x - radius * 0.35, y - radius * 0.35, radius * 0.1, x, y, radius);
    light.addColorStop(0, shade(colour, 0.65));
    light.addColorStop(0.45, colour);
    light.addColorStop(1, shade(colour, -0.45));
    context.fillStyle = light;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  function reach(cell) {
    const balls = cell.balls.map(([kind, x, y, z]) => Math.hypot(x, y, z) + data.elements[kind][2]);
    const corners = edges(cell.vectors).flat().map((v) => Math.hypot(...v));
    return Math.max(1, ...balls, ...corners);
  }

  function draw(canvas, cell, lines, size, rotation) {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    canvas.width = width * ratio; canvas.height = height * ratio;
    const context = canvas.getContext("2d"), scale = 0.48 * Math.min(width, height) / size;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const place = (v) => { const [x, y, z] = apply(rotation, v); return [width / 2 + scale * x, height / 2 - scale * y, z]; };
    const things = lines.map((ends) => { const [a, b] = ends.map(place); return { depth: (a[2] + b[2]) / 2, a, b }; });
    for (const [kind, ...v] of cell.balls) { const at = place(v); things.push({ depth: at[2], kind, at }); }
    things.sort((one, other) => one.depth - other.depth);
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = 1.2;
    for (const thing of things) {
      if (thing.at) {
        const [, colour, radius] = data.elements[thing.kind];
        ball(context, thing.at[0], thing.at[1], scale * radius, colour);
      } else {
        context.beginPath();
        context.moveTo(thing.a[0], thing.a[1]);
        context.lineTo(thing.b[0], thing.b[1]);
        context.stroke();
      }
    }
  }

  function show(canvas) {
    const cell = data.cells[Number(canvas.dataset.cell)], lines = edges(cell.vectors), size = reach(cell);
    let rotation = START, last = null;
    const redraw = () => draw(canvas, cell, lines, size, rotation);
    const move = (x, y) => { rotation = turn(turn(rotation, 1, x), 0, y); redraw(); };
    canvas.addEventListener("pointerdown", (event) => { last = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      move((event.clientX - last[0]) / 90, (event.clientY - last[1]) / 90);
      last = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    canvas.addEventListener("dblclick", () => { rotation = START; redraw(); });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
      if (by) { event.preventDefault(); move(...by); }
    });
    new ResizeObserver(redraw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  document.querySelectorAll("canvas[data-cell]").forEach(show);
})();
