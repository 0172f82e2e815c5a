namespace AimcCompiler.Core;

/// <summary>Every row its own column at the least sum of costs: shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987), O(rows^2 columns).</summary>
internal static class LinearAssignment
{
    /// <param name="cost">At least as many columns as rows.</param>
    public static long LeastCost(long[,] cost)
    {
        int rows = cost.GetLength(0);
        int columns = cost.GetLength(1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, columns, nameof(cost));
        long[] rowPotential = new long[rows + 1];
        long[] columnPotential = new long[columns + 1];
        int[] rowOf = new int[columns + 1]; // counted from 1; 0 = free
        int[] before = new int[columns + 1];
        for (int row = 1; row <= rows; row++)
        {
            rowOf[0] = row;
            int at = 0;
            long[] distance = new long[columns + 1];
            Array.Fill(distance, long.MaxValue);
            bool[] isReached = new bool[columns + 1];
            do
            {
                isReached[at] = true;
                int from = rowOf[at];
                long least = long.MaxValue;
                int next = 0;
                for (int column = 1; column <= columns; column++)
                {
                    if (isReached[column])
                    {
                        continue;
                    }

                    long reduced = cost[from - 1, column - 1] - rowPotential[from] - columnPotential[column];
                    if (reduced < distance[column])
                    {
                        (distance[column], before[column]) = (reduced, at);
                    }

                    if (distance[column] < least)
                    {
                        (least, next) = (distance[column], column);
                    }
                }

                for (int column = 0; column <= columns; column++)
                {
                    if (isReached[column])
                    {
                        rowPotential[rowOf[column]] += least;
                        columnPotential[column] -= least;
                    }
                    else
                    {
                        distance[column] -= least;
                    }
                }

                at = next;
            }
            while (rowOf[at] != 0);

            for (; at != 0; at = before[at])
            {
                rowOf[at] = rowOf[before[at]];
            }
        }

        return -columnPotential[0];
    }
}
