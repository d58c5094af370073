// The page: keeps one face (its codes), and asks the server for its mesh and pictures when a slider
// moves.
import { ask, bytes, picture, post } from './server.js';
import { fill, mark } from './strip.js';
import { Viewer } from './viewer.js';

const MOST_OFFERED = 24; // files of one drop
const $ = (id) => document.getElementById(id);
let viewer = null; // stays null where the browser has no WebGL
let face = null; // codes of the current face
let surface = 'lit';
let newest = null; // AbortController of the newest choice of a face

function say(text, state = '') {
  $('status').textContent = text;
  $('status').className = state;
}

// Runs `work` and says what goes wrong, unless that is `outdated` by then.
async function attempt(work, outdated = () => false) {
  try { return await work(); } catch (error) {
    if (!outdated()) say(error.message, 'wrong');
    return null;
  }
}

const inputs = () => [...$('sliders').querySelectorAll('input')];
const query = () => ({
  face, surface, sliders: Object.fromEntries(inputs().map((i) => [i.name, Number(i.value)])),
});

// One request at a time; while it runs, only the newest wish is kept.
let running = false;
let again = false;
async function refresh() {
  if (!face) return;
  if (running) { again = true; return; }
  running = true;
  const wanted = query();
  const outdated = () => wanted.face !== face;
  await attempt(async () => {
    const started = performance.now();
    const drawn = await (await post('api/decode', wanted)).json();
    const texture = await picture(drawn.texture);
    if (outdated()) return;
    viewer?.setVertices(new Float32Array(bytes(drawn.vertices)));
    viewer?.setTexture(texture);
    $('overlay').src = drawn.overlay;
    document.body.dataset.milliseconds = Math.round(performance.now() - started);
    document.body.dataset.drawn = Number(document.body.dataset.drawn ?? 0) + 1;
  }, outdated);
  running = false;
  if (again) { again = false; refresh(); }
}

function show(result) {
  face = result.face;
  for (const id of ['photo', 'under']) {
    if (result.photo) $(id).src = result.photo; else $(id).removeAttribute('src');
  }
  $('overlay').removeAttribute('src'); // it shows another face
  resetSliders();
  return refresh();
}

// Shows the face that `request(signal)` answers with. The newest choice wins, whatever is answered
// first and even where it is refused: it calls the one before off.
function choose(doing, request, button = null, more = '') {
  newest?.abort();
  newest = new AbortController();
  const { signal } = newest;
  say(doing, 'busy');
  return attempt(async () => {
    const result = await (await request(signal)).json();
    signal.throwIfAborted();
    mark(button);
    say(result.message + more);
    return show(result);
  }, () => signal.aborted);
}

function reconstruct(file, button, more) {
  return choose(`Looking for a face in ${file.name}…`, async (signal) => {
    const limit = Number($('limit').textContent);
    if (file.size > limit * 2 ** 20) {
      throw new Error(`${file.name} has ${Math.ceil(file.size / 2 ** 20)} MB; at most ${limit} MB are taken.`);
    }
    await file.slice(0, 1).arrayBuffer().catch(() => {
      throw new Error(`${file.name} cannot be read: is it a folder, or no longer there?`);
    });
    const body = new FormData();
    body.append('photo', file);
    return ask('api/photo', { method: 'POST', body, signal });
  }, button, more);
}

// Takes the first of the files that were dropped or chosen together, and offers them all.
function take(files) {
  if (!files.length) {
    say('What was dropped is no file; a JPEG, PNG or WebP file is wanted.', 'wrong');
    return;
  }
  const offered = files.length > 1 ? [...files].slice(0, MOST_OFFERED) : [];
  const entries = offered.map((file) => ({ name: file.name, source: URL.createObjectURL(file), file }));
  const [first] = fill($('files'), entries, (entry, button) => reconstruct(entry.file, button));
  const left = files.length - offered.length;
  const more = first ? `; the first of ${files.length} files, choose another below` : '';
  reconstruct(files[0], first, first && left ? `${more} (${left} were left out)` : more);
}

const sample = (name, button) => choose(
  name === 'mean' ? 'The mean face…' : `${name}…`,
  (signal) => post('api/sample', { name }, signal), button,
);

function write(input) {
  const row = input.parentElement;
  row.querySelector('output').textContent = input.dataset.unit
    ? `${Math.round(input.value)}${input.dataset.unit}` : Number(input.value).toFixed(1);
  row.classList.toggle('moved', input.value !== input.dataset.start);
}

function reset(input) {
  input.value = input.dataset.start;
  write(input);
}

function resetSliders() { inputs().forEach(reset); }

function buildSliders(groups) {
  for (const group of groups) {
    const title = document.createElement('h2');
    title.textContent = group.title;
    $('sliders').append(title);
    for (const { name, label, low, high, start, unit } of group.sliders) {
      const row = document.createElement('label');
      row.className = 'slider';
      row.title = 'Double click: back to the start';
      row.innerHTML = '<span></span><input type="range"><output></output>';
      row.querySelector('span').textContent = label;
      const input = row.querySelector('input');
      Object.assign(input, { name, min: low, max: high, step: (high - low) / 120, value: start });
      Object.assign(input.dataset, { start: input.value, unit });
      write(input);
      input.addEventListener('input', () => { write(input); refresh(); });
      row.addEventListener('dblclick', () => { reset(input); refresh(); });
      $('sliders').append(row);
    }
  }
}

async function download() {
  const blob = await (await post('api/glb', query())).blob();
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = 'face.glb';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

$('file').addEventListener('change', (event) => {
  if (event.target.files.length) take(event.target.files);
  event.target.value = '';
});
document.addEventListener('dragover', (event) => { event.preventDefault(); $('drop').classList.add('over'); });
document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) $('drop').classList.remove('over'); });
document.addEventListener('drop', (event) => {
  event.preventDefault();
  $('drop').classList.remove('over');
  take(event.dataTransfer.files);
});
$('front').addEventListener('click', () => viewer?.frontView());
$('reset').addEventListener('click', () => { resetSliders(); refresh(); });
$('mean').addEventListener('click', () => sample('mean'));
$('download').addEventListener('click', () => attempt(download));
for (const radio of document.querySelectorAll('input[name=surface]')) {
  radio.addEventListener('change', () => {
    surface = radio.value;
    viewer?.setClay(surface === 'clay');
    refresh();
  });
}

await attempt(async () => {
  const model = await (await ask('api/model')).json();
  $('limit').textContent = model.largest_upload_mb;
  try { viewer = new Viewer($('viewer'), () => $('hint').classList.add('done')); } catch {
    $('hint').textContent = 'This browser has no WebGL: no 3D view, all else works';
  }
  viewer?.setTopology(new Uint32Array(bytes(model.triangles)), new Float32Array(bytes(model.uv)));
  buildSliders(model.groups);
  const entries = model.samples.map(({ name, picture: source }) => ({ name, source }));
  const [first] = fill($('samples'), entries, ({ name }, button) => sample(name, button));
  if (newest) await refresh(); // a face was chosen meanwhile
  else (first ?? $('mean')).click();
});
