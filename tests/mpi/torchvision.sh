#!/usr/bin/env bash
# Weights under the names that torchvision's models have, out of networks that PyTorch makes here from the papers: a resnet18 goes in as it is,
# a VGG with the names of features and a classifier by a map; the logits are those of PyTorch in float64.
# usage: torchvision.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

has_python "torch, safetensors, h5py" "weights under torchvision's names" || finish

# Weights of a network whose statistics are none of a beginning, and its logits on the test samples.
cat >networks.py <<'END_OF_PYTHON'
import sys
import h5py, numpy, torch
from torch import nn
from safetensors.torch import save_file


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        for i in range(1, 5):
            blocks = Block(widths[i - 1], widths[i], 1 if i == 1 else 2), Block(widths[i], widths[i], 1)
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


class Vgg(nn.Module):
    """As vgg11_bn, narrower, and on pictures of 20 x 28 pixels; its convolutions have biases before batch norm."""

    def __init__(self, classes):
        super().__init__()
        layers, inputs = [], 3
        for width in (8, 0, 16, 0, 24, 24):
            if width:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                inputs = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(24 * 5 * 7, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, classes))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


def spread(network, images):
    """Weights drawn by chance, and statistics of a few mini-batches."""
    generator = torch.Generator().manual_seed(5)
    for name, value in network.named_parameters():
        shift = 1.0 if value.ndim == 1 and name.endswith("weight") else 0.0
        scale = 0.2 if value.ndim == 1 else (2 / value[0].numel()) ** 0.5
        value.data = shift + scale * torch.randn(value.shape, generator=generator, dtype=value.dtype)
    network.train()
    for _ in range(3):
        network(images)
    network.eval()


kind, data, out = sys.argv[1:]
with h5py.File(data) as file:
    images, mean, std = file["test/images"][()], file.attrs["mean"], file.attrs["std"]
x = torch.tensor((images / 255.0 - mean) / std).permute(0, 3, 1, 2)
network = (ResNet18 if kind == "resnet18" else Vgg)(3).double()
with torch.no_grad():
    spread(network, x)
    state = {name: value.float() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    save_file({name: value.contiguous() for name, value in state.items()}, out + ".safetensors")
    torch.save(state, out + ".pth")
    numpy.save(out + ".npy", network(x).numpy())
END_OF_PYTHON

cat >compare.py <<'END_OF_PYTHON'
import json, sys
import numpy

expected = numpy.load(sys.argv[1])
with open(sys.argv[2]) as lines:
    tops = [sorted(json.loads(line)["top"], key=lambda top: top["class"]) for line in lines]
ours = numpy.log([[top["probability"] for top in three] for three in tops])
ours, expected = ours - ours.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True)
share = abs(ours - expected).max() / max(1, abs(expected).max())
print(f"{sys.argv[1]}: {share:.2g} of {abs(expected).max():.3g}")
assert share < 1e-5 < 1e-3 < abs(numpy.roll(ours, 1, 0) - expected).max(), share
END_OF_PYTHON

# agrees NAME CHECKPOINT DATA: logits of the network in that checkpoint are those that PyTorch gives.
agrees() {
  run predict 0 predict "$2" "$3" -o predicted.json
  ended predict 0
  python3 compare.py "$1.npy" predicted.json >compared.out 2>&1 || complain "$1 in $2 gives other logits than PyTorch" compared.out
  cat compared.out
}

for shape in 32x32x3 20x28x3; do
  run data 0 generate --shape "$shape" --classes 3 --train 24 --test 9 -o "$shape.h5"
done
python3 networks.py resnet18 32x32x3.h5 resnet18
python3 networks.py vgg 20x28x3.h5 vgg

# The same architecture with the same names; num_batches_tracked is no tensor of the model's.
run whole 0 import-weights resnet18.safetensors 32x32x3.h5 --model resnet18 -o whole.h5
ended whole 0
says whole "102 of the model's 102 tensors begin with its values"
agrees resnet18 whole.h5 32x32x3.h5
train begun 2 32x32x3.h5 --model resnet18 --init resnet18.safetensors --epochs 0
ended begun 0
agrees resnet18 begun/last.h5 32x32x3.h5
run pickled 0 import-weights resnet18.pth 32x32x3.h5 --model resnet18 -o pickled.h5
ended pickled 3
says pickled "save_file"

# Other names: what is there, what is missing, and how they go together.
cat >vgg.model <<'END'
conv 8 3
batchnorm
relu
maxpool 2
conv 16 3
batchnorm
relu
maxpool 2
conv 24 3
batchnorm
relu
conv 24 3
batchnorm
relu
dense 20
relu
dropout 0.5
dense classes
END
settings=(20x28x3.h5 --model vgg.model)
run names 0 import-weights vgg.safetensors "${settings[@]}" -o names.h5
ended names 3
says names "it lacks 24 tensors: conv1.weight, .*; the model has no place for 28: .*--map FILE. takes lines such as .conv1 = features.0"
printf '%s\n' '# ours = theirs' 'conv1 = features.0' 'bn1 = features.1' 'conv2 = features.4' 'bn2 = features.5' 'conv3 = features.8' \
  'bn3 = features.9' 'conv4 = features.11' 'bn4 = features.12' 'dense1 = classifier.0' 'dense2 = classifier.3' >vgg.map
run mapped 0 import-weights vgg.safetensors "${settings[@]}" --map vgg.map -o mapped.h5
ended mapped 0
says mapped "biases of 4 layers"
agrees vgg mapped.h5 20x28x3.h5

# Names in the model text do as well, and then --init takes the file; a head that begins anew needs no values of it.
paste -d ' ' vgg.model <(printf '%s\n' name=features.0 name=features.1 '' '' name=features.4 name=features.5 '' '' name=features.8 \
  name=features.9 '' name=features.11 name=features.12 '' name=classifier.0 '' '' name=classifier.3) >named.model
train named 0 20x28x3.h5 --model named.model --init vgg.safetensors --epochs 0
ended named 0
agrees vgg named/last.h5 20x28x3.h5
run head 0 import-weights vgg.safetensors "${settings[@]}" --map vgg.map --init-except dense2 -o head.h5
ended head 0
says head "22 of the model's 24"

# Maps that say nothing.
map_refused() {
  printf '%s\n' "$2" >wrong.map
  run "$1" 0 import-weights vgg.safetensors "${settings[@]}" --map wrong.map -o wrong.h5
  ended "$1" 2
  says "$1" "wrong.map:$3"
}
map_refused unknown 'conv9 = features.0' "1: .*'conv9'"
map_refused twice $'conv1 = a\nconv1 = b' "2: conv1 stands there twice"
map_refused pattern 'conv* = a' "1: .*patterns"
map_refused empty 'conv1 =' "1: "
run no_map 0 import-weights vgg.safetensors "${settings[@]}" --map none.map -o wrong.h5
ended no_map 4

finish
