// Writes small ONNX graphs as protobuf, by hand: enough of the format for the exact index, and nothing to install.
// Field numbers are those of onnx.proto (IR version 8).

export type ElementType = 'float32' | 'float16' | 'int32' | 'int64' | 'bool';

/** An input or output; a dimension is a number or the name of a free one. */
export interface GraphValue {
  name: string;
  type: ElementType;
  dims: readonly (number | string)[];
}

export interface GraphNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Integer attributes. */
  attributes?: Readonly<Record<string, number>>;
}

export interface Graph {
  name: string;
  inputs: readonly GraphValue[];
  outputs: readonly GraphValue[];
  nodes: readonly GraphNode[];
  /** One-dimensional int64 tensors known beforehand. */
  constants?: Readonly<Record<string, readonly number[]>>;
}

/** Number of an element type in TensorProto.DataType. */
export const elementTypes: Readonly<Record<ElementType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};

const irVersion = 8;
const opset = 13;

/** The bytes of a ModelProto that holds the graph, operators from opset 13. Pure. */
export function encodeModel(graph: Graph): Uint8Array {
  const operators = message(text(1, ''), integer(2, opset));
  return message(integer(1, irVersion), bytes(7, encodeGraph(graph)), bytes(8, operators));
}

const encodeGraph = (graph: Graph): Uint8Array =>
  message(
    ...graph.nodes.map((node) => bytes(1, encodeNode(node))),
    text(2, graph.name),
    ...Object.entries(graph.constants ?? {}).map(([name, values]) => bytes(5, encodeConstant(name, values))),
    ...graph.inputs.map((value) => bytes(11, encodeValue(value))),
    ...graph.outputs.map((value) => bytes(12, encodeValue(value))),
  );

const encodeNode = (node: GraphNode): Uint8Array =>
  message(
    ...node.inputs.map((name) => text(1, name)),
    ...node.outputs.map((name) => text(2, name)),
    text(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) =>
      bytes(5, message(text(1, name), integer(3, value), integer(20, 2))),
    ),
  );

function encodeValue(value: GraphValue): Uint8Array {
  const dims = value.dims.map((dim) => bytes(1, typeof dim === 'string' ? text(2, dim) : integer(1, dim)));
  const tensor = message(integer(1, elementTypes[value.type]), bytes(2, message(...dims)));
  return message(text(1, value.name), bytes(2, bytes(1, tensor)));
}

function encodeConstant(name: string, values: readonly number[]): Uint8Array {
  const raw = Buffer.alloc(values.length * 8);
  values.forEach((value, i) => raw.writeBigInt64LE(BigInt(value), i * 8));
  return message(integer(1, values.length), integer(2, elementTypes.int64), text(8, name), bytes(9, raw));
}

// The wire format: a field is its number and wire type, then a varint (0) or a length and that many bytes (2).

const message = (...fields: readonly Uint8Array[]): Uint8Array => Buffer.concat(fields);
const integer = (field: number, value: number): Uint8Array => message(varint(field << 3), varint(value));
const bytes = (field: number, body: Uint8Array): Uint8Array =>
  message(varint((field << 3) | 2), varint(body.length), body);
const text = (field: number, value: string): Uint8Array => bytes(field, Buffer.from(value, 'utf8'));

function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`Internal error: ${value} is not a varint here`);
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Uint8Array.from(out);
}
