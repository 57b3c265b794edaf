// Points of a figure tell what they are when they are pointed at, touched, or reached
// with the arrow keys. Without scripts their titles do, where a mouse rests on them.
document.addEventListener("DOMContentLoaded", () => {
  for (const figure of document.querySelectorAll(".vsrnn-figure")) {
    const svg = figure.querySelector("svg");
    const points = [...svg.querySelectorAll("title")].map((title) => {
      const point = title.parentNode;
      point.told = title.textContent;
      title.remove();
      return point;
    });
    if (!points.length) continue;
    const tip = document.createElement("div");
    tip.className = "vsrnn-tip";
    tip.setAttribute("role", "status");
    figure.append(tip);
    svg.tabIndex = 0;
    svg.setAttribute("aria-description", "Arrow keys go from point to point.");
    let chosen = null;
    const middle = (point) => {
      const box = point.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const show = (point) => {
      chosen?.classList.remove("chosen");
      chosen = point;
      tip.textContent = point ? point.told : "";
      if (!point) return;
      point.classList.add("chosen");
      const [x, y] = middle(point), frame = figure.getBoundingClientRect();
      const left = x - frame.x + figure.scrollLeft;
      const right = left > frame.width / 2 + figure.scrollLeft;
      tip.style.left = right ? "" : left + 10 + "px";
      tip.style.right = right ? frame.width - (x - frame.x) + 10 + "px" : "";
      tip.style.top = y - frame.y + 10 + "px";
    };
    const nearest = ({clientX, clientY}) => {
      const far = points.map((point) => {
        const [x, y] = middle(point);
        return Math.hypot(x - clientX, y - clientY);
      });
      const least = Math.min(...far);
      return least < 12 ? points[far.indexOf(least)] : null;
    };
    for (const kind of ["pointermove", "pointerdown"])
      svg.addEventListener(kind, (event) => show(nearest(event)));
    svg.addEventListener("pointerleave", ({pointerType}) => {
      if (pointerType === "mouse") show(null);
    });
    svg.addEventListener("blur", () => show(null));
    svg.addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      if (event.key === "Escape") show(null);
      if (!step) return;
      event.preventDefault();
      const order = points.toSorted((a, b) => middle(a)[0] - middle(b)[0]);
      const next = order.indexOf(chosen) + step;
      show(order.at(chosen ? next % order.length : Math.min(step, 0)));
    });
  }
});
