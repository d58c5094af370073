// A photo from the computer's camera: it is on from `open` to `close`.

const TOLD = {
  NotAllowedError: 'The browser was not allowed to use the camera: allow it beside the address.',
  NotFoundError: 'No camera was found.',
  NotReadableError: 'The camera is used by another program.',
  OverconstrainedError: 'No camera was found.',
};

export class Camera {
  // Shows what the camera sees in `video`.
  constructor(video) { this.video = video; }

  get on() { return !this.video.hidden; }

  async open(signal) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error('This browser gives pages no camera: open the page at localhost.');
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, facingMode: 'user' } });
    } catch (error) {
      throw new Error(TOLD[error.name] ?? `The camera does not start: ${error.message}`);
    }
    this.stream = stream;
    if (signal.aborted) { this.close(); return; }
    this.video.srcObject = stream;
    await this.video.play();
    this.video.hidden = signal.aborted;
    if (signal.aborted) this.close();
  }

  // What the camera sees now, as a file.
  async photo() {
    const canvas = document.createElement('canvas');
    canvas.width = this.video.videoWidth;
    canvas.height = this.video.videoHeight;
    canvas.getContext('2d').drawImage(this.video, 0, 0);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, 'image/jpeg', 0.95); });
    return new File([blob], 'webcam.jpg', { type: 'image/jpeg' });
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.video.hidden = true;
  }
}
