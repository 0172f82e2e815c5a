namespace AimcCompiler.Core;

/// <summary>What a layer asks of tiles when one vector gives several outputs side by side (<see cref="ConvolutionView.Shifts"/>): more tiles of a copy, and fewer vectors.</summary>
/// <param name="Shifts">Outputs of a vector; 1 = the kernel stands there once.</param>
/// <param name="VectorsPerRow">Vectors of a row of the output.</param>
/// <param name="Tiles">Of one copy.</param>
/// <param name="Issues">MVMs that cores begin for one vector: those of every row group, its rounds too.</param>
/// <param name="Rounds">MVMs of the busiest tile for one vector.</param>
/// <param name="OperationsPerVector">Scalar operations that finish a vector, additions of partial sums included.</param>
public sealed record ShiftOption(int Shifts, int VectorsPerRow, long Tiles, long Issues, int Rounds, long OperationsPerVector);
