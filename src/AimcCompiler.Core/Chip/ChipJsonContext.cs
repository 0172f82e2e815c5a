using System.Text.Json.Serialization;

namespace AimcCompiler.Core;

/// <summary>How chips are read and written, made when this is compiled: found out by reflection it would be a fifth of a second of every command.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ChipDescription))]
[JsonSerializable(typeof(IdealDevice))]
[JsonSerializable(typeof(GaussianDevice))]
[JsonSerializable(typeof(PcmLikeDevice))]
[JsonSerializable(typeof(PcmHermesDevice))]
[JsonSerializable(typeof(PcmCustomDevice))]
[JsonSerializable(typeof(RramWan2022Device))]
[JsonSerializable(typeof(RramMilo2021Device))]
[JsonSerializable(typeof(RramCmoDevice))]
[JsonSerializable(typeof(SonosDevice))]
[JsonSerializable(typeof(MramDevice))]
[JsonSerializable(typeof(TableDevice))]
[JsonSerializable(typeof(IReadOnlyList<DeviceTableRow>))]
[JsonSerializable(typeof(double[]))]
[JsonSerializable(typeof(double?[]))]
internal sealed partial class ChipJsonContext : JsonSerializerContext;
