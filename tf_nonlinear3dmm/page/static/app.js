// The page: keeps one face (its codes), and asks the server for its mesh and pictures when a slider
// moves.
import { Viewer } from './viewer.js';

const $ = (id) => document.getElementById(id);
let viewer = null; // stays null where the browser has no WebGL
let face = null; // codes of the current face
let surface = 'lit';

function bytes(base64) { return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer; }

function say(text, state = '') {
  $('status').textContent = text;
  $('status').className = state;
}

async function ask(path, options) {
  let response;
  try { response = await fetch(path, options); } catch {
    throw new Error('The server does not answer: is explore.py still running?');
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Error(body.detail ?? `The server says ${response.status} ${response.statusText}`);
  }
  return response;
}

const post = (path, body) => ask(path, {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
});

// Runs `work` and says what goes wrong.
async function attempt(work) {
  try { return await work(); } catch (error) { say(error.message, 'wrong'); return null; }
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
  await attempt(async () => {
    const started = performance.now();
    const drawn = await (await post('api/decode', query())).json();
    const texture = await picture(drawn.texture);
    viewer?.setVertices(new Float32Array(bytes(drawn.vertices)));
    viewer?.setTexture(texture);
    $('overlay').src = drawn.overlay;
    document.body.dataset.milliseconds = Math.round(performance.now() - started);
    document.body.dataset.drawn = Number(document.body.dataset.drawn ?? 0) + 1;
  });
  running = false;
  if (again) { again = false; refresh(); }
}

function picture(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error('A picture of the server cannot be shown.'));
    image.src = source;
  });
}

function show(result, chosen = null) {
  face = result.face;
  for (const id of ['photo', 'under']) {
    if (result.photo) $(id).src = result.photo; else $(id).removeAttribute('src');
  }
  for (const button of $('samples').querySelectorAll('button')) {
    button.classList.toggle('chosen', button.title === chosen);
  }
  resetSliders();
  say(result.message);
  return refresh();
}

function reconstruct(file) {
  const limit = Number($('limit').textContent);
  if (file.size > limit * 2 ** 20) {
    say(`${file.name} has ${Math.ceil(file.size / 2 ** 20)} MB; at most ${limit} MB are taken.`, 'wrong');
    return null;
  }
  say(`Looking for a face in ${file.name}…`, 'busy');
  const form = new FormData();
  form.append('photo', file);
  return attempt(async () => show(await (await ask('api/photo', { method: 'POST', body: form })).json()));
}

const sample = (name) => attempt(async () => show(await (await post('api/sample', { name })).json(), name));

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

function buildSamples(samples) {
  $('samples').hidden = !samples.length;
  for (const { name, picture: source } of samples) {
    const button = document.createElement('button');
    const image = document.createElement('img');
    Object.assign(button, { type: 'button', title: name });
    Object.assign(image, { src: source, alt: name });
    button.append(image);
    button.addEventListener('click', () => sample(name));
    $('samples').append(button);
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
  if (event.target.files[0]) reconstruct(event.target.files[0]);
  event.target.value = '';
});
document.addEventListener('dragover', (event) => { event.preventDefault(); $('drop').classList.add('over'); });
document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) $('drop').classList.remove('over'); });
document.addEventListener('drop', (event) => {
  event.preventDefault();
  $('drop').classList.remove('over');
  if (event.dataTransfer.files[0]) reconstruct(event.dataTransfer.files[0]);
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
  buildSamples(model.samples);
  await sample(model.samples[0]?.name ?? 'mean');
});
