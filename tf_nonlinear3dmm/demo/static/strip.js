// A strip of thumbnails to choose from: the samples, and the files of one drop.

// Fills `strip` with a button for each of `entries` ({ name, source }); `choose(entry, button)` is
// called when one is pressed. Returns the buttons.
export function fill(strip, entries, choose) {
  for (const image of strip.querySelectorAll('img')) {
    if (image.src.startsWith('blob:')) URL.revokeObjectURL(image.src);
  }
  const buttons = entries.map((entry) => {
    const button = document.createElement('button');
    const image = document.createElement('img');
    Object.assign(button, { type: 'button', title: entry.name });
    Object.assign(image, { src: entry.source, alt: entry.name });
    button.append(image);
    button.addEventListener('click', () => choose(entry, button));
    return button;
  });
  strip.querySelector('div').replaceChildren(...buttons);
  strip.hidden = !buttons.length;
  return buttons;
}

// Marks `chosen`, a button of any strip or null, as the one that is shown.
export function mark(chosen) {
  for (const button of document.querySelectorAll('.strip button')) {
    button.classList.toggle('chosen', button === chosen);
  }
}
