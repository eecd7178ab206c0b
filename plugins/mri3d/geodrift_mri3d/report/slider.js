for (const bar of document.querySelectorAll("input[data-slices]")) {
  const picture = bar.previousElementSibling, last = bar.dataset.slices - 1;
  picture.style.backgroundSize = `100% ${bar.dataset.slices * 100}%`;
  const show = () => { picture.style.backgroundPosition = `0 ${last ? (100 * bar.value) / last : 0}%`; };
  bar.addEventListener("input", show);
  show();
}
