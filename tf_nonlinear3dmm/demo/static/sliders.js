// The sliders: light, expressions of the face, and named directions of the model.
import { $ } from './status.js';

const inputs = () => [...$('sliders').querySelectorAll('input[type=range]')];
const expressions = () => inputs().filter((input) => input.dataset.kind === 'expression');
const moved = (input) => input.value !== input.dataset.start;

// Name -> value; expressions that are as in the photo are left out.
export const values = () => Object.fromEntries(inputs()
  .filter((input) => input.dataset.kind !== 'expression' || moved(input))
  .map((input) => [input.name, Number(input.value)]));

// Where sliders of expressions start, `starts`: name -> weight; those that were moved stay.
export function start(starts) {
  for (const input of expressions()) {
    const value = moved(input) ? input.value : null;
    input.value = starts[input.name] ?? 0;
    input.dataset.start = input.value; // as the slider rounds it
    if (value !== null) input.value = value;
    write(input);
  }
}

export function resetAll() { inputs().forEach(reset); }

function reset(input) {
  input.value = input.dataset.start;
  write(input);
}

function write(input) {
  const row = input.parentElement;
  row.querySelector('output').textContent = input.dataset.unit
    ? `${Math.round(input.value)}${input.dataset.unit}`
    : Number(input.value).toFixed(input.max - input.min > 1 ? 1 : 2);
  row.classList.toggle('moved', moved(input));
}

function add({ name, label, low, high, start: value, unit, often }, kind, section, changed) {
  const row = document.createElement('label');
  row.className = 'slider';
  row.title = `${name}: double click puts it back`;
  row.dataset.words = `${name} ${label} ${section.title}`.toLowerCase();
  row.dataset.often = often;
  row.innerHTML = '<span></span><input type="range"><output></output>';
  row.querySelector('span').textContent = label;
  const input = row.querySelector('input');
  Object.assign(input, { name, min: low, max: high, step: (high - low) / 120, value });
  Object.assign(input.dataset, { start: input.value, unit, kind });
  write(input);
  input.addEventListener('input', () => { write(input); changed(); });
  row.addEventListener('dblclick', () => { reset(input); changed(); });
  section.element.append(row);
}

// A titled section of sliders.
function build(group, level, kind, changed) {
  const element = document.createElement('section');
  const head = document.createElement(level);
  head.textContent = group.title;
  element.append(head);
  group.sliders.forEach((s) => add(s, kind, { element, title: group.title }, changed));
  return element;
}

// Builds the sliders of the server's `model`; `changed()` is called when a person moves one.
export function buildAll(model, changed) {
  for (const group of model.groups) {
    const element = build(group, 'h2', 'direction', changed);
    if (group.title === 'Light') $('sliders').prepend(element); else $('sliders').append(element);
  }
  $('expressions').append(
    ...model.expressions.map((group) => build(group, 'h3', 'expression', changed)),
  );
  $('expressions').hidden = !model.expressions.length;
  $('all').textContent = `All ${expressions().length}`;
  $('neutral').addEventListener('click', () => { expressions().forEach(setToRest); changed(); });
  $('asphoto').addEventListener('click', () => { expressions().forEach(reset); changed(); });
  $('search').addEventListener('input', filter);
  $('all').addEventListener('click', () => {
    $('all').setAttribute('aria-pressed', $('all').getAttribute('aria-pressed') !== 'true');
    filter();
  });
  filter();
}

function setToRest(input) {
  input.value = 0;
  write(input);
}

// Shows the expressions that are searched for, or else those that are used often, or all.
function filter() {
  const terms = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const every = $('all').getAttribute('aria-pressed') === 'true';
  for (const row of $('expressions').querySelectorAll('.slider')) {
    row.hidden = terms.length
      ? !terms.every((term) => row.dataset.words.includes(term))
      : !every && row.dataset.often !== 'true';
  }
  for (const group of $('expressions').querySelectorAll('section')) {
    group.hidden = !group.querySelector('.slider:not([hidden])');
  }
}
