#!/usr/bin/env bash
# LeNet-5 on the HERMES chip: mapping table, then accuracy over time since programming beside ONNX Runtime's.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet build ../src/AimcCompiler.Cli -c Release -v quiet --nologo
aimc() { dotnet run -c Release --no-build --project ../src/AimcCompiler.Cli -- "$@"; }
aimc compile lenet5.onnx --chip hermes --calibrate fashion-mnist-calibration512-images.idx3-ubyte.gz -o "$work/lenet5.aimc"
aimc evaluate "$work/lenet5.aimc" --compare lenet5.onnx --time 25s,1h,1d,30d,1y --instances 5 \
  --data fashion-mnist-test1000-images.idx3-ubyte.gz --labels fashion-mnist-test1000-labels.idx1-ubyte.gz
