for (const choice of document.querySelectorAll("select[data-sorts]")) {
  const grid = choice.closest("section").querySelector(".grid"), cards = [...grid.children];
  const value = (card, name) => {
    const found = card.querySelector("[data-values]");
    const number = found ? JSON.parse(found.dataset.values)[name] : undefined;
    return number === undefined ? -Infinity : number;
  };
  choice.addEventListener("change", () => {
    const name = choice.value;
    grid.append(...(name ? [...cards].sort((a, b) => value(b, name) - value(a, name)) : cards));
  });
}
