using System.Collections.Immutable;
using AimcCompiler.Cli;

namespace AimcCompiler.Conformance;

/// <summary>A trained model and labelled samples.</summary>
/// <param name="Name">File name without ending.</param>
/// <param name="Path">The .onnx.</param>
/// <param name="Set">The data set, for readers.</param>
/// <param name="Data">The samples and their labels.</param>
/// <param name="Calibration">Samples that ranges are taken from.</param>
internal sealed record AccuracyModel(string Name, string Path, string Set, DataOptions Data, DataOptions Calibration)
{
    private const string FashionMnist = "/usr/share/datasets/fashion-mnist";

    /// <summary>True where all files are.</summary>
    public bool IsHere => File.Exists(Path) && Data.Paths.Concat(Calibration.Paths).Append(Data.Labels!).All(File.Exists);

    /// <summary>Our own models, with Fashion-MNIST (Debian's package dataset-fashion-mnist, else the part that comes with the repository); then those of others.</summary>
    public static ImmutableArray<AccuracyModel> All()
    {
        string own = System.IO.Path.Combine(SharedFolder.Repository, "onnx-models");
        bool isWhole = Directory.Exists(FashionMnist);
        DataOptions fashion = new()
        {
            Paths = [isWhole ? $"{FashionMnist}/t10k-images-idx3-ubyte.gz" : System.IO.Path.Combine(own, "fashion-mnist-test1000-images.idx3-ubyte.gz")],
            Labels = isWhole ? $"{FashionMnist}/t10k-labels-idx1-ubyte.gz" : System.IO.Path.Combine(own, "fashion-mnist-test1000-labels.idx1-ubyte.gz"),
        };
        DataOptions calibration = new() { Paths = [System.IO.Path.Combine(own, "fashion-mnist-calibration512-images.idx3-ubyte.gz")] };
        Preprocess mnist = new(Mean: [33.3184], Std: [78.5655]);
        Preprocess cifar = new(Layout: DataLayout.NhwcToNchw);
        return
        [
            .. new[] { "mlp", "lenet5", "resnet", "transformer", "lstm" }.Select(n => new AccuracyModel(n, System.IO.Path.Combine(own, $"{n}.onnx"), "Fashion-MNIST", fashion, calibration)),
            .. new[] { "mnist-7", "mnist-8", "wonnx-opt-mnist", "onnx-mlir-mnist" }.Select(n => Of(n, "MNIST", "mnist-t10k-images-idx3-ubyte.gz", "mnist-t10k-labels-idx1-ubyte.gz", mnist)),
            .. new[] { "mlperf-tiny-resnet8", "match-cifar10_resnet8_fp16" }.Select(n => Of(n, "CIFAR-10", "cifar10_jpeg1000_nhwc_u8.bin", "cifar10_jpeg1000_labels.bin", cifar, "32x32x3", "uint8")),
            Of("winml-cifar-classifier", "CIFAR-10", "cifar10_jpeg1000_nhwc_u8.bin", "cifar10_jpeg1000_labels.bin", cifar with { Mean = [127.5], Std = [127.5] }, "32x32x3", "uint8"),
            Of("mlperf-tiny-alibaba-kws", "speech commands", "kws01_i8.bin", "kws01_labels.bin", new Preprocess(Scale: 0.58471, Mean: [48.53093]), "49x10x1", "int8"),
            Of(
                "SqueezeNet_fp16",
                "ImageNet",
                "imagenet100_224_nhwc_u8.bin",
                "imagenet100_labels_u16.bin",
                cifar with { Mean = [104, 117, 123], ChannelOrder = ChannelOrder.Bgr },
                "224x224x3",
                "uint8"),
        ];
    }

    /// <summary>A model of others: ranges come from the same samples, for want of others.</summary>
    private static AccuracyModel Of(string name, string set, string samples, string labels, Preprocess preprocess, string? shape = null, string? type = null)
    {
        string models = System.IO.Path.Combine(SharedFolder.Folder, "models");
        DataOptions data = new() { Paths = [System.IO.Path.Combine(models, "data", samples)], Shape = shape, Type = type, Preprocess = preprocess };
        return new AccuracyModel(name, System.IO.Path.Combine(models, "onnx", $"{name}.onnx"), set, data with { Labels = System.IO.Path.Combine(models, "data", labels) }, data);
    }
}
