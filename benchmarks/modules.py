"""Read many PyTorch modules, of torchvision, timm and transformers, and hold each against PyTorch's own counts.

    python benchmarks/modules.py [PART ...] [--only WORD] [--write]

A part is `torchvision`, `timm` or `transformers`, in eval mode, or in training mode as `timm-train`. A line for each
module: layers, params and mult-adds beside the module's and FlopCounterMode / 2 on tensors without numbers, layers that
are not priced, CPU seconds. `--write` keeps them in `benchmarks/modules/PART.csv` and writes `benchmarks/MODULES.md`.
It needs `pip install torch==2.13.0`, `pip install --no-deps torchvision==0.28.0 timm==1.0.31` and
`pip install transformers==4.57.6`.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import costmodel as cm
from costmodel.errors import CostModelError

HERE = Path(__file__).parent
KEPT = HERE / "modules"


@dataclass
class Line:
    """What came of one module."""

    module: str
    mode: str
    layers: int
    params: int
    own_params: int
    mult_adds: int
    own_mult_adds: int
    unpriced: int
    seconds: float
    said: str

    @property
    def whole(self) -> bool:
        """It was read, and everything in it is priced."""
        return self.layers > 0 and not self.unpriced

    @property
    def equal(self) -> bool:
        """Params and mult-adds are the module's."""
        return self.params == self.own_params and self.mult_adds == self.own_mult_adds


@dataclass
class Case:
    """A module to read: how it is built, and what it is called with."""

    name: str
    build: Callable[[], nn.Module]
    given: Any


def without_compiled_operators() -> None:
    """Let torchvision be imported beside a PyTorch that its compiled operators were not made for: declare them."""
    library = torch.library.Library("torchvision", "DEF")
    schemas = (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, "
        "int stride_w, int pad_h, int pad_w, int dil_h, int dil_w, int groups, int offset_groups, bool use_mask) "
        "-> Tensor",
        *(
            f"{name}(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width{more}) "
            f"-> {given}"
            for name, more, given in (
                ("roi_align", ", int sampling_ratio, bool aligned", "Tensor"),
                ("roi_pool", "", "(Tensor, Tensor)"),
                ("ps_roi_align", ", int sampling_ratio", "(Tensor, Tensor)"),
                ("ps_roi_pool", "", "(Tensor, Tensor)"),
            )
        ),
        *(
            f"_{name}_backward(Tensor grad) -> Tensor"
            for name in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
        ),
    )
    for schema in schemas:
        library.define(schema)
    without_compiled_operators.library = library  # type: ignore[attr-defined]  # else it is taken back


VIDEO = ("r3d_18", "mc3_18", "r2plus1d_18", "s3d", "mvit_v1_b", "mvit_v2_s", "swin3d_t", "swin3d_s", "swin3d_b")
LARGE = {"inception_v3": (1, 3, 299, 299)}


def torchvision_cases() -> Iterator[Case]:
    """Yield every model of classification, segmentation and video."""
    from torchvision import models

    for name in models.list_models(module=models):
        yield Case(
            name,
            lambda name=name: models.get_model(name, weights=None, **_plain(name)),
            LARGE.get(name, (1, 3, 224, 224)),
        )  # type: ignore[misc]
    for name in models.list_models(module=models.segmentation):
        build = lambda name=name: models.get_model(name, weights=None, weights_backbone=None)  # type: ignore[misc]  # noqa: E731
        yield Case(f"segmentation {name}", build, (1, 3, 224, 224))
    for name in models.list_models(module=models.video):
        size = (1, 3, 16, 224, 224) if name.startswith(("mvit", "swin3d", "s3d")) else (1, 3, 16, 112, 112)
        yield Case(f"video {name}", lambda name=name: models.get_model(name, weights=None), size)  # type: ignore[misc]


def _plain(name: str) -> dict[str, Any]:
    return {"init_weights": False} if name in ("googlenet", "inception_v3") else {}


TIMM = (
    "bat_resnext26ts beit_base_patch16_224 botnet26t_256 cait_xxs24_224 coat_tiny coatnet_0_rw_224 convit_tiny "
    "convmixer_768_32 convnext_tiny convnextv2_tiny crossvit_9_240 cs3darknet_m cspresnet50 davit_tiny "
    "deit3_small_patch16_224 densenet121 dla34 dm_nfnet_f0 dpn68 eca_nfnet_l0 edgenext_small efficientformer_l1 "
    "efficientnet_b0 efficientvit_b0 efficientvit_m0 ese_vovnet19b_dw eva02_tiny_patch14_224 fastvit_t8 "
    "focalnet_tiny_srf gcresnet33ts gcvit_xxtiny gernet_s ghostnet_100 gmlp_s16_224 halonet26t hardcorenas_a "
    "hgnetv2_b0 hrnet_w18_small inception_next_tiny inception_resnet_v2 lambda_resnet26t levit_128 "
    "maxvit_tiny_tf_224 mixer_s32_224 mobilenetv3_large_100 mobilenetv4_conv_small mobileone_s0 mobilevit_s "
    "mobilevitv2_100 mvitv2_tiny nest_tiny nextvit_small pit_ti_224 poolformer_s12 pvt_v2_b0 regnety_004 "
    "repvgg_a0 res2net50_26w_4s resmlp_12_224 resnest14d resnetv2_50 rexnet_100 selecsls42 seresnet18 "
    "sequencer2d_s sknet tiny_vit_5m_224 tf_efficientnetv2_b0 tnt_s_patch16_224 twins_pcpvt_small vgg11 "
    "visformer_tiny vit_small_patch16_224 vit_small_patch16_rope_224 vitamin_small_224 volo_d1_224 xception41 "
    "xcit_nano_12_p16_224"
).split()


def timm_cases() -> Iterator[Case]:
    """Yield models of timm, one of most families."""
    import timm

    known = set(timm.list_models())
    for name in TIMM:
        if name not in known:
            continue
        size = timm.get_pretrained_cfg(name)
        shape = (1, *(size.input_size if size is not None and size.input_size else (3, 224, 224)))
        yield Case(name, lambda name=name: timm.create_model(name), shape)  # type: ignore[misc]


def transformers_cases() -> Iterator[Case]:
    """Yield models of transformers, built small from their configurations."""
    import transformers as hf

    ids = {"input_ids": torch.zeros(1, 32, dtype=torch.int64)}
    small = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 500,
    }
    seq = {
        "d_model": 64,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 128,
        "decoder_ffn_dim": 128,
        "vocab_size": 500,
    }
    both = {**ids, "decoder_input_ids": torch.zeros(1, 8, dtype=torch.int64)}
    picture = {"pixel_values": (1, 3, 224, 224)}
    made: list[tuple[str, str, dict[str, Any], Any]] = [
        ("bert", "BertForSequenceClassification", small, ids),
        ("roberta", "RobertaForMaskedLM", small, ids),
        ("electra", "ElectraForPreTraining", small | {"embedding_size": 32}, ids),
        ("albert", "AlbertModel", small | {"embedding_size": 32}, ids),
        (
            "distilbert",
            "DistilBertForSequenceClassification",
            {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128, "vocab_size": 500},
            ids,
        ),
        ("gpt2", "GPT2LMHeadModel", {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 500}, ids),
        ("llama", "LlamaForCausalLM", small | {"num_key_value_heads": 2}, ids),
        ("mistral", "MistralForCausalLM", small | {"num_key_value_heads": 2}, ids),
        ("qwen2", "Qwen2ForCausalLM", small | {"num_key_value_heads": 2}, ids),
        ("gpt_neox", "GPTNeoXForCausalLM", small, ids),
        (
            "opt",
            "OPTForCausalLM",
            {
                "hidden_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "ffn_dim": 128,
                "vocab_size": 500,
                "word_embed_proj_dim": 64,
            },
            ids,
        ),
        (
            "t5",
            "T5ForConditionalGeneration",
            {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4, "vocab_size": 500},
            both,
        ),
        ("bart", "BartForConditionalGeneration", seq, both),
        ("vit", "ViTForImageClassification", small, picture),
        ("clip_vision_model", "CLIPVisionModel", small, picture),
        (
            "whisper",
            "WhisperForConditionalGeneration",
            seq | {"max_source_positions": 100, "pad_token_id": 0},
            {"input_features": (1, 80, 200), "decoder_input_ids": torch.zeros(1, 8, dtype=torch.int64)},
        ),
        ("wav2vec2", "Wav2Vec2ForCTC", small, {"input_values": (1, 4000)}),
        ("deberta-v2", "DebertaV2Model", small, ids),
        ("segformer", "SegformerForSemanticSegmentation", {}, picture),
    ]
    for name, kind, changes, given in made:
        config = hf.AutoConfig.for_model(name, **changes)
        yield Case(f"{name} {kind}", lambda kind=kind, config=config: getattr(hf, kind)(config), given)  # type: ignore[misc]


PARTS: dict[str, Callable[[], Iterator[Case]]] = {
    "torchvision": torchvision_cases,
    "timm": timm_cases,
    "transformers": transformers_cases,
}


def in_twos(given: Any) -> Any:
    """Return what a module is called with, for two images."""
    if isinstance(given, dict):
        return {name: in_twos(one) for name, one in given.items()}
    return torch.cat([given, given]) if isinstance(given, torch.Tensor) else (2, *given[1:])


def counted(module: nn.Module, given: Any) -> int:
    """Return FlopCounterMode / 2 of one call on tensors without numbers."""
    from costmodel.modules.inputs import arguments
    from costmodel.modules.recorder import autocast_without_numbers

    asked = arguments(module, given, set())
    counter = FlopCounterMode(display=False)
    module.requires_grad_(False)  # its watch on modules trips over some that keep a gradient
    with torch.no_grad(), autocast_without_numbers(), counter:
        module(*asked.args, **asked.kwargs)
    return int(counter.get_total_flops()) // 2


def counted_with_numbers(module: nn.Module, given: dict[str, Any]) -> int:
    """Return FlopCounterMode / 2 of one call on numbers, for modules that ask for some; attention as plain products."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    counter = FlopCounterMode(display=False)
    own = {name: one if isinstance(one, torch.Tensor) else torch.zeros(one) for name, one in given.items()}
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        module(**own)
    return int(counter.get_total_flops()) // 2


def built(case: Case) -> nn.Module:
    """Return the module without numbers."""
    from costmodel.modules.factory import build

    return build(case.build)


def look(case: Case, mode: str) -> Line:
    """Read one module and hold it against PyTorch's own counts."""
    given = in_twos(case.given) if mode == "train" else case.given
    line = Line(case.name, mode, 0, 0, 0, 0, 0, 0, 0.0, "")
    try:
        module = built(case).train(mode == "train")
    except Exception as error:
        line.said = f"not built: {type(error).__name__}: {error}"[:200]
        return line
    line.own_params = sum(one.numel() for one in module.parameters())
    start = time.process_time()
    try:
        graph = cm.load(module, given)
        line.seconds = round(time.process_time() - start, 2)
        table = cm.price(graph)
    except CostModelError as error:
        line.said = " ".join(str(error).split())[:300]
        return line
    line.layers, line.unpriced = len(graph), len(graph.unpriced)
    line.mult_adds = int(table.totals.mult_adds)
    unused = sum(_number(note) for note in graph.notes if "are not used here" in note)
    line.params = int(table.totals.params) + unused
    line.said = (
        "; ".join(sorted({f"{what}: {why}" for what, why in graph.unpriced.values()}))[:300]
        or "; ".join(graph.notes)[:300]
    )
    try:
        line.own_mult_adds = counted(module.to("meta"), given)
    except RuntimeError as error:
        if isinstance(given, dict) and "item()" in str(error):
            line.own_mult_adds = counted_with_numbers(case.build().train(mode == "train"), given)
            return line
        line.own_mult_adds = -1
        line.said += f" | FlopCounterMode: {error}"[:200]
    except Exception as error:
        line.own_mult_adds = -1
        line.said += f" | FlopCounterMode: {type(error).__name__}: {error}"[:200]
    return line


def _number(note: str) -> int:
    return int(note.split(" ", 1)[0].replace(",", ""))


def keep(part: str, lines: list[Line]) -> None:
    """Keep the lines of a part."""
    KEPT.mkdir(exist_ok=True)
    with open(KEPT / f"{part}.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([one.name for one in fields(Line)])
        writer.writerows(map(astuple, lines))


def kept(part: str) -> list[Line]:
    """Return the lines that were kept of a part."""
    file = KEPT / f"{part}.csv"
    if not file.exists():
        return []
    kinds = {"str": str, "int": int, "float": float}
    with open(file, newline="") as lines:
        rows = csv.DictReader(lines)
        return [Line(**{one.name: kinds[str(one.type)](row[one.name]) for one in fields(Line)}) for row in rows]


HEAD = """# PyTorch modules, read

What came of every module of torchvision's classification, segmentation and video, {timm} of timm and {transformers} of
transformers from small configurations, each in eval mode at batch 1 and in training mode at batch 2:
`python benchmarks/modules.py --write`, one run, on {date}, with PyTorch {torch}, torchvision {torchvision}, timm
{timm_of} and transformers {transformers_of}, on tensors without numbers. *Read whole*: every operator is priced.
*Equal*: params are the module's (with those that are said not to be used), mult-adds are FlopCounterMode / 2. Seconds
are of one processor that others used too, reading and naming together, without imports. The lines, with what was noted
of each module, are in `modules/`.

"""


def page() -> str:
    """Return the table of everything that was kept."""
    found = {part: kept(part) for part in (f"{name}{mode}" for name in PARTS for mode in ("", "-train"))}
    numbers = {name: len(found[name]) for name in ("timm", "transformers")}
    text = HEAD.format(**numbers, **_versions(), date=datetime.date.today())
    text += "| part | modules | read whole | equal | seconds: median | most |\n|---|---:|---:|---:|---:|---:|\n"
    for part, lines in found.items():
        if lines:
            times = sorted(one.seconds for one in lines)
            whole, equal = (sum(getattr(one, name) for one in lines) for name in ("whole", "equal"))
            row = (part, len(lines), whole, equal, f"{times[len(times) // 2]:.2f}", f"{times[-1]:.2f}")
            text += f"| {' | '.join(map(str, row))} |\n"
    for name in PARTS:
        trained = {one.module: one for one in found[f"{name}-train"]}
        text += f"\n## {name}\n\n| module | layers | params | mult-adds | eval | s | training | s |\n"
        text += "|---|---:|---:|---:|---|---:|---|---:|\n"
        for one in found[name]:
            other = trained.get(one.module)
            row = (one.module, one.layers, f"{one.params:,}", f"{one.mult_adds:,}", said(one), f"{one.seconds:.2f}")
            more = (said(other), f"{other.seconds:.2f}") if other else ("", "")
            text += f"| {' | '.join(map(str, (*row, *more)))} |\n"
    return text


def _versions() -> dict[str, str]:
    """Return the versions of what was read, and of what it runs on."""
    own = {"torch": "torch", "torchvision": "torchvision", "timm_of": "timm", "transformers_of": "transformers"}
    return {name: version(package).split("+")[0] for name, package in own.items()}


def said(line: Line) -> str:
    """Say in a few words what came of a module."""
    if not line.layers:
        return f"not read: {line.said}"
    wrong = [
        name
        for name, ours, theirs in (
            ("params", line.params, line.own_params),
            ("mult-adds", line.mult_adds, line.own_mult_adds),
        )
        if ours != theirs
    ]
    return " ".join([f"{', '.join(wrong)} differ" if wrong else "equal", *(["in part"] if line.unpriced else [])])


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = [f"{name}{mode}" for name in PARTS for mode in ("", "-train")]
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(every))
    parser.add_argument("--only", default="", metavar="WORD", help="only modules with this in their name")
    parser.add_argument("--write", action="store_true", help="keep the lines and write benchmarks/MODULES.md")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    without_compiled_operators()
    torch.set_num_threads(1)
    if not set(asked.parts) <= set(every):
        parser.error(f"the parts are {', '.join(every)}")
    for part in asked.parts or every:
        family, _, mode = part.partition("-")
        lines = []
        for case in PARTS[family]():
            if asked.only in case.name:
                lines.append(look(case, mode or "eval"))
                one = lines[-1]
                print("ok" if one.whole and one.equal else "**", *astuple(one), flush=True)
        if asked.write:
            keep(part, lines)
            (HERE / "MODULES.md").write_text(page())


if __name__ == "__main__":
    sys.exit(main())
