// The 3D view: a mesh whose vertices and texture can be replaced, turned with the mouse or a finger.
import {
  BackSide, BufferAttribute, BufferGeometry, CanvasTexture, DirectionalLight, FrontSide,
  HemisphereLight, Mesh, MeshBasicMaterial, MeshStandardMaterial, PerspectiveCamera, Scene,
  SRGBColorSpace, Vector3, WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';

export class Viewer {
  // Fills `container`; calls `onTurn` when a person turns the face. Throws where there is no WebGL.
  constructor(container, onTurn = () => {}) {
    this.container = container;
    this.renderer = new WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    container.appendChild(this.renderer.domElement);
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(22, 1, 0.1, 100);
    this.controls = new OrbitControls(this.camera, this.renderer.domElement);
    this.controls.enablePan = false;
    this.controls.enableDamping = true;
    this.controls.addEventListener('change', () => this.draw());
    this.controls.addEventListener('start', onTurn);
    const key = new DirectionalLight(0xffffff, 3.0);
    key.position.set(-2, 2, 2);
    this.camera.add(key);
    this.scene.add(this.camera, new HemisphereLight(0xffffff, 0x3a3633, 0.7));
    this.textured = new MeshBasicMaterial({ side: FrontSide });
    this.clay = new MeshStandardMaterial({ color: 0xc9bfb2, roughness: 0.75, side: FrontSide });
    this.inside = new MeshBasicMaterial({ color: 0x3a3d44, side: BackSide });
    new ResizeObserver(() => this.resize()).observe(container);
    const tick = () => { this.controls.update(); requestAnimationFrame(tick); };
    tick();
  }

  setTopology(triangles, uv) {
    this.geometry = new BufferGeometry();
    this.geometry.setIndex(new BufferAttribute(triangles, 1));
    this.geometry.setAttribute('uv', new BufferAttribute(uv, 2));
    this.mesh = new Mesh(this.geometry, this.textured);
    this.scene.add(this.mesh, new Mesh(this.geometry, this.inside));
  }

  setVertices(vertices) {
    const first = !this.geometry.getAttribute('position');
    this.geometry.setAttribute('position', new BufferAttribute(vertices, 3));
    this.geometry.computeVertexNormals();
    this.geometry.computeBoundingSphere();
    if (first) this.frontView();
    this.draw();
  }

  setTexture(image) {
    const canvas = document.createElement('canvas');
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext('2d').drawImage(image, 0, 0);
    this.textured.map?.dispose();
    this.textured.map = new CanvasTexture(canvas);
    this.textured.map.colorSpace = SRGBColorSpace;
    this.textured.needsUpdate = true;
    this.draw();
  }

  setClay(clay) {
    this.mesh.material = clay ? this.clay : this.textured;
    this.draw();
  }

  frontView() {
    this.geometry.computeBoundingBox();
    const size = this.geometry.boundingBox.getSize(new Vector3());
    this.geometry.boundingBox.getCenter(this.controls.target);
    this.controls.target.z -= size.z * 0.1;
    const far = 3.1 * Math.max(size.y, size.x / Math.min(this.camera.aspect, 1));
    this.camera.position.copy(this.controls.target).add(new Vector3(0, 0, far));
    this.controls.update();
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.container;
    this.renderer.setSize(width, height);
    this.camera.aspect = width / Math.max(height, 1);
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  draw() { this.renderer.render(this.scene, this.camera); }
}
