#!/usr/bin/env python3
"""Makes the TFLite files of tests/goldens/tflite, and what LiteRT computes from them.

    make_tflite.py OUT

Needs numpy, flatbuffers, tflite and ai-edge-litert. Each NAME.tflite comes with NAME.in.npy and NAME.out.npy: two
inputs, one a row, and the outputs of all of the graph's outputs, one after another.
"""
import importlib
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import tflite
from ai_edge_litert.interpreter import Interpreter

TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "int8": 9}
# Where the first version of an operator lacks the types of these graphs.
VERSIONS = {"CONV_2D": 3, "DEQUANTIZE": 3, "FULLY_CONNECTED": 4, "MEAN": 2, "STRIDED_SLICE": 2, "SLICE": 2, "FLOOR_DIV": 1}
RANDOM = np.random.default_rng(3)


def parts(table):
    """The module of a table of the schema. The package has classes under the same names."""
    return importlib.import_module(f"tflite.{table}")


for table in ("QuantizationParameters", "Tensor", "Operator", "Buffer", "OperatorCode", "SubGraph", "Model"):
    globals().update({k: v for k, v in vars(parts(table)).items() if k.startswith(table)})


def weights(*shape, scale=0.5):
    return (RANDOM.standard_normal(shape) * scale).astype("f4")


class Graph:
    """A graph under construction. Tensors are numbers; constants are arrays."""

    def __init__(self, shape):
        self.b = flatbuffers.Builder(1 << 16)
        self.tensors, self.buffers, self.operators, self.codes = [], [b""], [], []
        self.input = self.tensor(shape, name="input")

    def tensor(self, shape, kind="float32", data=None, scale=None, zero=0, axis=0, name=None):
        buffer = 0
        if data is not None:
            self.buffers.append(np.ascontiguousarray(data).tobytes())
            buffer, kind, shape = len(self.buffers) - 1, str(data.dtype), data.shape
        name = name or f"t{len(self.tensors)}"
        self.tensors.append((list(shape), TYPES[kind], buffer, name, scale, zero, axis))
        return len(self.tensors) - 1

    def const(self, data, **more):
        return self.tensor(None, data=np.asarray(data), **more)

    def op(self, code, inputs, *outputs, options=None, **fields):
        """Adds an operator; an output is a shape, or the arguments of a tensor. Returns its outputs."""
        made = [self.tensor(**o) if isinstance(o, dict) else self.tensor(o) for o in outputs]
        if code not in self.codes:
            self.codes.append(code)
        packed, kind = 0, 0
        if options:
            lists = {k: self.list(v) for k, v in fields.items() if isinstance(v, (list, tuple))}
            module = parts(options)
            getattr(module, options + "Start")(self.b)
            for key, value in fields.items():
                getattr(module, options + "Add" + key)(self.b, lists.get(key, value))
            packed, kind = getattr(module, options + "End")(self.b), getattr(tflite.BuiltinOptions, options)
        self.operators.append((self.codes.index(code), [-1 if i is None else i for i in inputs], made, kind, packed))
        return made[0] if len(made) == 1 else made

    def list(self, values, start=None):
        if start:
            start(self.b, len(values))
            for value in reversed(values):
                self.b.PrependUOffsetTRelative(value)
            return self.b.EndVector()
        return self.b.CreateNumpyVector(np.array(values, "i4"))

    def finish(self, outputs):
        b, tensors, operators, buffers, codes = self.b, [], [], [], []
        for shape, kind, buffer, name, scale, zero, axis in self.tensors:
            quantisation = 0
            if scale is not None:
                scales = np.atleast_1d(np.asarray(scale, "f4"))
                scales, zeros = b.CreateNumpyVector(scales), b.CreateNumpyVector(np.full(len(scales), zero, "i8"))
                QuantizationParametersStart(b)
                QuantizationParametersAddScale(b, scales)
                QuantizationParametersAddZeroPoint(b, zeros)
                QuantizationParametersAddQuantizedDimension(b, axis)
                quantisation = QuantizationParametersEnd(b)
            name, shape = b.CreateString(name), self.list(shape)
            TensorStart(b)
            TensorAddShape(b, shape)
            TensorAddType(b, kind)
            TensorAddBuffer(b, buffer)
            TensorAddName(b, name)
            if quantisation:
                TensorAddQuantization(b, quantisation)
            tensors.append(TensorEnd(b))
        for code, inputs, made, kind, options in self.operators:
            inputs, made = self.list(inputs), self.list(made)
            OperatorStart(b)
            OperatorAddOpcodeIndex(b, code)
            OperatorAddInputs(b, inputs)
            OperatorAddOutputs(b, made)
            if options:
                OperatorAddBuiltinOptionsType(b, kind)
                OperatorAddBuiltinOptions(b, options)
            operators.append(OperatorEnd(b))
        for data in self.buffers:
            data = b.CreateByteVector(data) if data else 0
            BufferStart(b)
            if data:
                BufferAddData(b, data)
            buffers.append(BufferEnd(b))
        for code in self.codes:
            number = getattr(tflite.BuiltinOperator, code)
            OperatorCodeStart(b)
            OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
            OperatorCodeAddBuiltinCode(b, number)
            OperatorCodeAddVersion(b, VERSIONS.get(code, 1))
            codes.append(OperatorCodeEnd(b))
        tensors = self.list(tensors, SubGraphStartTensorsVector)
        operators = self.list(operators, SubGraphStartOperatorsVector)
        inputs, outputs = self.list([self.input]), self.list(outputs)
        SubGraphStart(b)
        SubGraphAddTensors(b, tensors)
        SubGraphAddInputs(b, inputs)
        SubGraphAddOutputs(b, outputs)
        SubGraphAddOperators(b, operators)
        graph = self.list([SubGraphEnd(b)], ModelStartSubgraphsVector)
        codes = self.list(codes, ModelStartOperatorCodesVector)
        buffers = self.list(buffers, ModelStartBuffersVector)
        ModelStart(b)
        ModelAddVersion(b, 3)
        ModelAddOperatorCodes(b, codes)
        ModelAddSubgraphs(b, graph)
        ModelAddBuffers(b, buffers)
        b.Finish(ModelEnd(b), b"TFL3")
        return bytes(b.Output())


def conv(g, x, shape, w, stride=1, same=True, activation=0):
    return g.op("CONV_2D", [x, g.const(w), g.const(weights(w.shape[0]))], shape, options="Conv2DOptions", Padding=0 if same else 1, StrideW=stride,
                StrideH=stride, FusedActivationFunction=activation)


def swish(g, x, shape):
    return g.op("MUL", [x, g.op("LOGISTIC", [x], shape)], shape)


def branches():
    """Squeeze and excitation, a residual block, parallel pools, padding before a stride: as in EfficientNets."""
    g = Graph([1, 16, 12, 1])
    x = conv(g, g.input, [1, 8, 6, 8], weights(8, 3, 3, 1), stride=2, activation=3)
    pooled = [g.op(k, [x], [1, 4, 3, 8], options="Pool2DOptions", Padding=1, StrideW=2, StrideH=2, FilterWidth=2, FilterHeight=2)
              for k in ("AVERAGE_POOL_2D", "MAX_POOL_2D")]
    x = g.op("CONCATENATION", pooled, [1, 4, 3, 16], options="ConcatenationOptions", Axis=3)
    start = x
    x = swish(g, conv(g, x, [1, 4, 3, 24], weights(24, 1, 1, 16)), [1, 4, 3, 24])
    x = g.op("DEPTHWISE_CONV_2D", [x, g.const(weights(1, 3, 3, 24)), g.const(weights(24))], [1, 4, 3, 24],
             options="DepthwiseConv2DOptions", Padding=0, StrideW=1, StrideH=1, DepthMultiplier=1)
    x = swish(g, x, [1, 4, 3, 24])
    s = g.op("MEAN", [x, g.const(np.array([1, 2], "i4"))], [1, 24], options="ReducerOptions", KeepDims=False)
    s = g.op("RESHAPE", [s, g.const(np.array([1, 1, 1, 24], "i4"))], [1, 1, 1, 24])
    s = swish(g, conv(g, s, [1, 1, 1, 6], weights(6, 1, 1, 24)), [1, 1, 1, 6])
    s = g.op("LOGISTIC", [conv(g, s, [1, 1, 1, 24], weights(24, 1, 1, 6))], [1, 1, 1, 24])
    x = g.op("MUL", [x, s], [1, 4, 3, 24])
    x = g.op("ADD", [conv(g, x, [1, 4, 3, 16], weights(16, 1, 1, 24)), start], [1, 4, 3, 16], options="AddOptions",
             FusedActivationFunction=1)
    x = g.op("PAD", [x, g.const(np.array([[0, 0], [0, 1], [1, 0], [0, 0]], "i4"))], [1, 5, 4, 16])
    x = conv(g, x, [1, 2, 1, 20], weights(20, 3, 3, 16), stride=2, same=False, activation=1)
    pooled = g.op("MEAN", [x, g.const(np.array([1, 2], "i4"))], dict(shape=[1, 20], name="pooled"), options="ReducerOptions", KeepDims=False)
    x = g.op("FULLY_CONNECTED", [pooled, g.const(weights(7, 20)), g.const(weights(7))], dict(shape=[1, 7], name="classes"),
             options="FullyConnectedOptions")
    return g, [pooled, x]


def halves():
    """Weights in half precision behind DEQUANTIZE, and 8-bit weights that a float operator reads."""
    g = Graph([1, 6, 4, 1])
    w = g.op("DEQUANTIZE", [g.const(weights(5, 2, 2, 1).astype("f2"))], [5, 2, 2, 1])
    b = g.op("DEQUANTIZE", [g.const(weights(5).astype("f2"))], [5])
    x = g.op("CONV_2D", [g.input, w, b], [1, 5, 3, 5], options="Conv2DOptions", Padding=1, StrideW=1, StrideH=1,
             DilationWFactor=1, DilationHFactor=1)
    x = g.op("HARD_SWISH", [x], [1, 5, 3, 5])
    x = g.op("RESHAPE", [x, g.const(np.array([1, 75], "i4"))], dict(shape=[1, 75], name="flat"))
    w = RANDOM.integers(-127, 128, (4, 75)).astype("i1")
    w = g.op("DEQUANTIZE", [g.const(w, scale=0.01)], [4, 75])
    return g, [g.op("FULLY_CONNECTED", [x, w, None], [1, 4], options="FullyConnectedOptions")]


def quantised():
    """All in 8 bits."""
    g = Graph([1, 8, 6, 1])
    x = g.op("QUANTIZE", [g.input], dict(shape=[1, 8, 6, 1], kind="int8", scale=0.03, zero=-3))
    scales = np.array([0.004, 0.006, 0.01, 0.005], "f4")
    w = RANDOM.integers(-127, 128, (4, 3, 3, 1)).astype("i1")
    b = RANDOM.integers(-2000, 2000, 4).astype("i4")
    x = g.op("CONV_2D", [x, g.const(w, scale=scales), g.const(b, scale=scales * 0.03)],
             dict(shape=[1, 4, 3, 4], kind="int8", scale=0.02, zero=-128), options="Conv2DOptions", Padding=0, StrideW=2,
             StrideH=2, FusedActivationFunction=1)
    x = g.op("MEAN", [x, g.const(np.array([1, 2], "i4"))], dict(shape=[1, 4], kind="int8", scale=0.02, zero=-128),
             options="ReducerOptions", KeepDims=False)
    w = RANDOM.integers(-127, 128, (3, 4)).astype("i1")
    x = g.op("FULLY_CONNECTED", [x, g.const(w, scale=0.01), g.const(np.array([100, -50, 0], "i4"), scale=0.0002)],
             dict(shape=[1, 3], kind="int8", scale=0.05, zero=5), options="FullyConnectedOptions")
    return g, [g.op("DEQUANTIZE", [x], [1, 3])]


def shapes():
    """Sizes that are computed from shapes, and operators that move values."""
    g = Graph([1, 6, 10])
    size = g.op("SHAPE", [g.input], dict(shape=[3], kind="int32"), options="ShapeOptions", OutType=2)
    one = lambda i: g.op("STRIDED_SLICE", [size, *(g.const(np.array([v], "i4")) for v in (i, i + 1, 1))],
                         dict(shape=[], kind="int32"), options="StridedSliceOptions", ShrinkAxisMask=1)
    half = g.op("FLOOR_DIV", [one(2), g.const(np.array(2, "i4"))], dict(shape=[], kind="int32"))
    target = g.op("PACK", [one(0), one(1), half, g.const(np.array(2, "i4"))], dict(shape=[4], kind="int32"),
                  options="PackOptions", ValuesCount=4, Axis=0)
    x = g.op("RESHAPE", [g.input, target], [1, 6, 5, 2])
    x = g.op("TRANSPOSE", [x, g.const(np.array([0, 2, 1, 3], "i4"))], [1, 5, 6, 2])
    a, b = g.op("SPLIT", [g.const(np.array(3, "i4")), x], [1, 5, 6, 1], [1, 5, 6, 1], options="SplitOptions", NumSplits=2)
    x = g.op("SUB", [g.op("MAXIMUM", [a, b], [1, 5, 6, 1]), g.op("SQUARED_DIFFERENCE", [a, b], [1, 5, 6, 1])], [1, 5, 6, 1])
    x = g.op("PRELU", [x, g.const(np.array([0.1], "f4").reshape(1, 1, 1))], [1, 5, 6, 1])
    x = g.op("SQUEEZE", [x], [1, 5, 6], options="SqueezeOptions", SqueezeDims=[3])
    x = g.op("STRIDED_SLICE", [x, *(g.const(np.array(v, "i4")) for v in ([0, 1, 0], [1, 5, 6], [1, 2, 1]))], [1, 2, 6],
             options="StridedSliceOptions", BeginMask=5, EndMask=5)
    x = g.op("SOFTMAX", [x], [1, 2, 6], options="SoftmaxOptions", Beta=0.5)
    y = g.op("REVERSE_V2", [x, g.const(np.array([2], "i4"))], [1, 2, 6])
    x = g.op("CONCATENATION", [x, g.op("SLICE", [y, *(g.const(np.array(v, "i4")) for v in ([0, 0, 1], [-1, -1, 3]))], [1, 2, 3])],
             [1, 2, 9], options="ConcatenationOptions", Axis=-1)
    return g, [g.op("SUM", [x, g.const(np.array([1], "i4"))], [1, 9], options="ReducerOptions", KeepDims=False)]


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for make in (branches, halves, quantised, shapes):
        graph, outputs = make()
        model = graph.finish(outputs)
        (out / f"{make.__name__}.tflite").write_bytes(model)
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        shape = interpreter.get_input_details()[0]["shape"]
        inputs = RANDOM.standard_normal((2, *shape[1:])).astype("f4")
        rows = []
        for x in inputs:
            interpreter.set_tensor(graph.input, x[None])
            interpreter.invoke()
            rows.append(np.concatenate([interpreter.get_tensor(d["index"]).ravel() for d in interpreter.get_output_details()]))
        np.save(out / f"{make.__name__}.in.npy", inputs.reshape(2, -1))
        np.save(out / f"{make.__name__}.out.npy", np.array(rows, "f4"))
        print(make.__name__, len(model), rows[0][:4])


main()
