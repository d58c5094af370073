// The page: keeps one face (its codes), and asks the server for its mesh and pictures when a slider
// moves.
import { Camera } from './camera.js';
import { Drawing } from './drawing.js';
import { ask, fit, post } from './server.js';
import * as sliders from './sliders.js';
import { $, attempt, choose, chosen, progress, say, stop, stoppable } from './status.js';
import { fill, mark } from './strip.js';

const MOST_OFFERED = 24; // files of one drop
const camera = new Camera($('camera'));
let surface = 'lit';
let offered = []; // buttons of the files that were chosen together
// What is shown: { photo, message, face, expression, fit }, where `fit`, which may be missing, has
// the same of the photo's fit. `face` is the one that is drawn.
let shown = null;
let face = null;

const query = () => ({ face, surface, sliders: sliders.values() });
const drawing = new Drawing(query);
const refresh = () => drawing.refresh();

// Shows another photo's face, sliders at their start.
function show(result, button, more = '') {
  shown = result;
  mark(button);
  for (const id of ['photo', 'under']) {
    if (result.photo) $(id).src = result.photo; else $(id).removeAttribute('src');
  }
  $('overlay').removeAttribute('src'); // it shows another face
  $('fit').disabled = !result.photo;
  sliders.resetAll();
  say((result.fit ?? result).message + more);
  return showVersion(result.fit ? 'after' : 'before');
}

// Shows the face "before" or "after" its fit; what sliders moved stays moved.
function showVersion(version) {
  const { face: codes, expression } = version === 'after' ? shown.fit : shown;
  face = codes;
  sliders.start(expression);
  $('versions').hidden = !shown.fit;
  $('caption').hidden = Boolean(shown.fit);
  document.querySelector(`input[value=${version}]`).checked = true;
  return refresh();
}

// The newest choice, which ends the camera.
function decide(doing, work) {
  endCamera();
  return choose(doing, work);
}

function endCamera() {
  camera.close();
  $('webcam').textContent = 'Webcam';
}

// Shows the face that `find(signal)` gives; a `button` remembers its own.
const pick = (doing, find, button = null, more = '') => decide(doing, async (signal) => {
  const result = button?.result ?? await find(signal);
  signal.throwIfAborted();
  if (button) button.result = result;
  return show(result, button, more);
});

async function reconstruct(file, signal) {
  const limit = Number($('limit').textContent);
  if (file.size > limit * 2 ** 20) {
    throw new Error(`${file.name} has ${Math.ceil(file.size / 2 ** 20)} MB; at most ${limit} MB are taken.`);
  }
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Error(`${file.name} cannot be read: is it a folder, or no longer there?`);
  });
  const body = new FormData();
  body.append('photo', file);
  return (await ask('api/photo', { method: 'POST', body, signal })).json();
}

const pickFile = (file, button, more) => pick(
  `Looking for a face in ${file.name}…`, (signal) => reconstruct(file, signal), button, more,
);

// Takes the first of the files that were dropped or chosen together, and offers them all.
function take(files) {
  if (!files.length) {
    say('What was dropped is no file; a JPEG, PNG or WebP file is wanted.', 'wrong');
    return;
  }
  const several = files.length > 1 ? [...files].slice(0, MOST_OFFERED) : [];
  const entries = several.map((file) => ({ name: file.name, source: URL.createObjectURL(file), file }));
  offered = fill($('files'), entries, ({ file }, button) => pickFile(file, button));
  offered.forEach((button, i) => { button.file = several[i]; });
  $('person').hidden = !offered.length;
  const left = files.length - offered.length;
  const more = offered.length ? `; the first of ${files.length} files, choose another below` : '';
  pickFile(files[0], offered[0], left && offered.length ? `${more} (${left} were left out)` : more);
}

const sample = (name, button) => pick(
  name === 'mean' ? 'The mean face…' : `${name}…`,
  async (signal) => (await post('api/sample', { name }, signal)).json(), button,
);

// Fits the faces of `results`; several as one person.
async function fitTogether(results, signal) {
  stoppable(true);
  progress(undefined);
  const fitted = await fit(results.map((result) => result.photo), signal, progress);
  results.forEach((result, i) => { result.fit = fitted[i].fitted ? fitted[i] : null; });
  return fitted.filter((each) => !each.fitted);
}

const fitShown = () => decide('Fitting the face to the photo…', async (signal) => {
  const result = shown;
  const [failed] = await fitTogether([result], signal);
  if (failed) throw new Error(failed.message);
  say(result.fit.message);
  await showVersion('after');
});

// Fits all files that were chosen together, and shows the one that was shown, or else the first.
const fitPerson = () => decide('Looking for the faces…', async (signal) => {
  const buttons = offered;
  const faceless = [];
  for (const button of buttons.filter((each) => !each.result)) {
    say(`Looking for a face in ${button.file.name}…`, 'busy');
    const result = await reconstruct(button.file, signal).catch(() => faceless.push(button.title));
    signal.throwIfAborted();
    if (result.face) button.result = result;
  }
  const seen = buttons.filter((button) => button.result);
  const without = faceless.length ? `; no face in ${faceless.join(', ')}` : '';
  if (seen.length < 2) throw new Error(`One person needs two photos with a face${without}`);
  say(`Fitting one person to ${seen.length} photos…`, 'busy');
  const failed = await fitTogether(seen.map((button) => button.result), signal);
  seen.forEach((button) => button.classList.toggle('fitted', Boolean(button.result.fit)));
  if (failed.length === seen.length) throw new Error(failed[0].message);
  const first = seen.find((button) => button.result === shown) ?? seen[0];
  const kept = failed.length ? `; ${failed.length} of them keep the encoder's face` : '';
  await show(first.result, first, `; one person in ${seen.length} photos${kept}${without}`);
});

// Starts the camera; where it is on, takes its picture.
async function webcam() {
  if (camera.on) { await pickFile(await camera.photo()); return; }
  await decide('Starting the camera…', async (signal) => {
    await camera.open(signal);
    signal.throwIfAborted();
    $('webcam').textContent = 'Take picture';
    say('The camera is on: look into it and take the picture');
  });
  stoppable(camera.on);
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
$('front').addEventListener('click', () => drawing.viewer?.frontView());
$('reset').addEventListener('click', () => { sliders.resetAll(); refresh(); });
$('mean').addEventListener('click', () => sample('mean'));
$('webcam').addEventListener('click', () => attempt(webcam));
$('fit').addEventListener('click', fitShown);
$('person').addEventListener('click', fitPerson);
$('stop').addEventListener('click', () => { stop(); endCamera(); say('Stopped'); });
$('download').addEventListener('click', () => attempt(download));
for (const radio of document.querySelectorAll('input[name=version]')) {
  radio.addEventListener('change', () => showVersion(radio.value));
}
for (const radio of document.querySelectorAll('input[name=surface]')) {
  radio.addEventListener('change', () => {
    surface = radio.value;
    drawing.viewer?.setClay(surface === 'clay');
    refresh();
  });
}

await attempt(async () => {
  const model = await (await ask('api/model')).json();
  $('limit').textContent = model.largest_upload_mb;
  drawing.start(model);
  sliders.buildAll(model, refresh);
  const entries = model.samples.map(({ name, picture: source }) => ({ name, source }));
  const [first] = fill($('samples'), entries, ({ name }, button) => sample(name, button));
  if (chosen()) { sliders.start(shown?.expression ?? {}); await refresh(); } // chosen meanwhile
  else (first ?? $('mean')).click();
});
