// ONNX Runtime's side of the network benchmarks; the protocol is that of bench_network.c.
//
//     node peer_onnx.mjs FOLDER CROP_COUNT
//
// Reads model.onnx and crops.bin from FOLDER, writes output_onnx.bin.  Then answers "run TASK N"
// with seconds of CPU time of the whole process.  Tasks: single, eight (eight crops a call).
// onnxruntime-node is looked for in FOLDER/node_modules.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { createRequire } from 'node:module';

const [folder, countText] = process.argv.slice(2);
const count = Number(countText);
const require = createRequire(path.resolve(folder, 'package.json'));
const ort = require('onnxruntime-node');

const session = await ort.InferenceSession.create(path.join(folder, 'model.onnx'), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
});
const [, channels, height, width] = session.inputMetadata
  ? session.inputMetadata[0].shape.map(Number)
  : [];

// (n, h, w, c) of the file to the (n, c, h, w) of ONNX.
const pixels = height * width;
const bytes = fs.readFileSync(path.join(folder, 'crops.bin'));
const stored = new Float32Array(bytes.buffer, bytes.byteOffset, count * pixels * channels);
const planar = new Float32Array(stored.length);
for (let n = 0; n < count; n++)
  for (let p = 0; p < pixels; p++)
    for (let c = 0; c < channels; c++)
      planar[(n * channels + c) * pixels + p] = stored[(n * pixels + p) * channels + c];

const crop = (first, n) =>
  new ort.Tensor('float32', planar.slice(first * channels * pixels, (first + n) * channels * pixels),
    [n, channels, height, width]);
const singles = Array.from({ length: count }, (_, i) => crop(i, 1));
const eight = crop(0, Math.min(8, count));

const outputs = [];
for (const input of singles) {
  const { output } = await session.run({ input });
  const [, c, h, w] = output.dims;
  const packed = new Float32Array(output.data.length);
  for (let k = 0; k < c; k++)
    for (let p = 0; p < h * w; p++)
      packed[p * c + k] = output.data[k * h * w + p];
  outputs.push(Buffer.from(packed.buffer));
}
fs.writeFileSync(path.join(folder, 'output_onnx.bin'), Buffer.concat(outputs));

const tasks = {
  single: async () => { await session.run({ input: singles[count - 1] }); },
  eight: async (i) => { if (i % 8 === 0) await session.run({ input: eight }); },
};
console.log('ready');
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [, task, repeats] = line.split(' ');
  const started = process.cpuUsage();
  for (let i = 0; i < Number(repeats); i++) await tasks[task](i);
  const spent = process.cpuUsage(started);
  console.log(((spent.user + spent.system) / 1e6).toFixed(6));
}
