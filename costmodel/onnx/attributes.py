"""The attributes that each type of ONNX's own vocabulary has, in any of its versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeAlias

from costmodel.errors import quote
from costmodel.onnx.model import Node
from costmodel.reading.partial import by_kind, lines

TABLE = """
Abs Ceil Exp Floor Log Max Mean Min Neg PRelu Reciprocal Relu Sigmoid Sqrt Sum Tanh: consumed_inputs
Acos Acosh Asin Asinh Atan Atanh BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cos Cosh Det DynamicQuantizeLinear Erf
    Expand GlobalAveragePool GlobalMaxPool GreaterOrEqual HardSwish Identity IsNaN LessOrEqual MatMul MatMulInteger Mish
    NonZero Not OptionalGetElement OptionalHasElement QLinearMatMul Round SequenceAt SequenceConstruct SequenceErase
    SequenceInsert SequenceLength Sign Sin Sinh Size Softplus Softsign StringConcat Tan Tile Where:
Add Div Mul Sub: axis broadcast consumed_inputs
AffineGrid: align_corners
And Equal Greater Less Or Pow Xor: axis broadcast
ArgMax ArgMin: axis keepdims select_last_index
Attention: is_causal kv_num_heads left_window_size q_num_heads qk_matmul_output_mode right_window_size scale softcap
    softmax_precision
AveragePool: auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides
BatchNormalization: consumed_inputs epsilon is_test momentum spatial training_mode
Bernoulli: dtype seed
BitCast: to
BitShift: direction
BlackmanWindow HammingWindow HannWindow: output_datatype periodic
Cast: round_mode saturate to
CastLike: round_mode saturate
CausalConvWithState: activation
Celu SwiGLU Swish ThresholdedRelu: alpha
CenterCropPad MeanVarianceNormalization Squeeze Unsqueeze: axes
Clip: consumed_inputs max min
Col2Im: dilations pads strides
Compress Concat Flatten Gather GatherElements Hardmax LogSoftmax OneHot Scatter Softmax: axis
ConcatFromSequence: axis new_axis
Constant: sparse_value value value_float value_floats value_int value_ints value_string value_strings
ConstantOfShape: value
Conv ConvInteger QLinearConv: auto_pad dilations group kernel_shape pads strides
ConvTranspose: auto_pad dilations group kernel_shape output_padding output_shape pads strides
CumProd CumSum: exclusive reverse
DFT: axis inverse onesided
DeformConv: dilations group kernel_shape offset_group pads strides
DepthToSpace SpaceToDepth: blocksize mode
DequantizeLinear: axis block_size output_dtype
Dropout: consumed_inputs is_test ratio seed
Einsum: equation
Elu LeakyRelu: alpha consumed_inputs
EyeLike: dtype k
GRU: activation_alpha activation_beta activations clip direction hidden_size layout linear_before_reset
    output_sequence
GatherND: batch_dims
Gelu: approximate
Gemm: alpha beta broadcast transA transB
GlobalLpPool: p
GridSample: align_corners mode padding_mode
GroupNormalization: epsilon num_groups stash_type
HardSigmoid: alpha beta consumed_inputs
If: else_branch then_branch
ImageDecoder: pixel_format
InstanceNormalization: consumed_inputs epsilon
IsInf: detect_negative detect_positive
LRN: alpha beta bias size
LSTM: activation_alpha activation_beta activations clip direction hidden_size input_forget layout output_sequence
LayerNormalization RMSNormalization: axis epsilon stash_type
LinearAttention: chunk_size kv_num_heads q_num_heads scale update_rule
Loop SequenceMap: body
LpNormalization: axis p
LpPool: auto_pad ceil_mode dilations kernel_shape p pads strides
MaxPool: auto_pad ceil_mode dilations kernel_shape pads storage_order strides
MaxRoiPool: pooled_shape spatial_scale
MaxUnpool: kernel_shape pads strides
MelWeightMatrix: output_datatype
Mod: fmod
Multinomial: dtype sample_size seed
NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss: ignore_index reduction
NonMaxSuppression: center_point_box
Optional: type
Pad: mode paddings pads value
QuantizeLinear: axis block_size output_dtype precision saturate
RNN: activation_alpha activation_beta activations clip direction hidden_size layout output_sequence
RandomNormal: dtype mean scale seed shape
RandomNormalLike: dtype mean scale seed
RandomUniform: dtype high low seed shape
RandomUniformLike: dtype high low seed
Range: stash_type
ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare:
    axes keepdims noop_with_empty_axes
RegexFullMatch: pattern
Reshape: allowzero consumed_inputs shape
Resize: antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value
    keep_aspect_ratio_policy mode nearest_mode
ReverseSequence: batch_axis time_axis
RoiAlign: coordinate_transformation_mode mode output_height output_width sampling_ratio spatial_scale
RotaryEmbedding: interleaved num_heads rotary_embedding_dim
STFT: onesided
Scan: body directions num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions
ScatterElements: axis reduction
ScatterND: reduction
Selu: alpha consumed_inputs gamma
SequenceEmpty: dtype
Shape: end start
Shrink: bias lambd
Slice: axes ends starts
Split: axis num_outputs split
SplitToSequence: axis keepdims
StringNormalizer: case_change_action is_case_sensitive locale stopwords
StringSplit: delimiter maxsplit
TensorScatter: axis mode
TfIdfVectorizer: max_gram_length max_skip_count min_gram_length mode ngram_counts ngram_indexes pool_int64s
    pool_strings weights
TopK: axis k largest sorted
Transpose: perm
Trilu: upper
Unique: axis sorted
Upsample: height_scale mode scales width_scale
"""
"""Types, and after a colon their attributes; a line that is set in goes on."""


Strange: TypeAlias = "tuple[str, str, str]"
"""A type, an attribute that it does not have, and the name of the node that has it."""


def strange(node: Node) -> Iterator[Strange]:
    """Yield the attributes of a node that its type does not have; of other vocabularies nothing is known."""
    known = attributes().get(node.op_type)
    if not node.domain and known is not None:
        yield from ((node.op_type, name, node.name) for name in node.attributes if name not in known)


def said(found: Iterable[Strange]) -> Iterator[str]:
    """Yield what to say of such attributes, if there are any."""
    kinds = by_kind(((op_type, name), node) for op_type, name, node in found)
    if kinds:
        named = lines(kinds, lambda kind, who: f"{quote(kind[1])} of {kind[0]} (node {who})", quote)
        yield f"attributes that ONNX's types do not have are not looked at: {', '.join(named)}"


@cache
def attributes() -> dict[str, frozenset[str]]:
    """Return the attributes of each type."""
    found: dict[str, frozenset[str]] = {}
    for line in TABLE.strip().replace("\n    ", " ").splitlines():
        types, _, names = line.partition(":")
        found |= dict.fromkeys(types.split(), frozenset(names.split()))
    return found
