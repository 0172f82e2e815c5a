using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>A message that is sent again and again.</summary>
/// <param name="From">Core, over all chips.</param>
/// <param name="Receivers">Cores, over all chips and each once, and what of a message each needs, bytes.</param>
/// <param name="Bytes">Of a whole message.</param>
/// <param name="Count">Messages of one inference.</param>
public sealed record RoutedMessage(int From, ImmutableArray<(int Core, long Bytes)> Receivers, long Bytes, long Count);

/// <param name="Hops">Of all paths, as a <see cref="Channel"/> has them.</param>
/// <param name="Turns">Which path messages take, in turn; empty = there is one.</param>
public readonly record struct RoutedPaths(ImmutableArray<ChannelHop> Hops, ImmutableArray<int> Turns);

/// <summary>Finds paths or trees for every message so that the most loaded link carries little. They are minimal: every receiver is joined to the tree of its message along the rectangle between sender and receiver, over
/// links that are cheap because their load is low. Then messages on the most loaded links are taken out and joined again, in the end over detours too where that lowers the largest load; those that load a link most are divided
/// for it, and take several paths in turn. Between chips a message passes through their memory ports.
/// <code>
/// before:  core 0 to cores 2 and 14, 4 columns      after:  0->1, 1->2, 2->6, 6->10, 10->14
/// </code></summary>
public static class RouteMessages
{
    /// <param name="topology">Of one chip.</param>
    /// <param name="messages">What passes.</param>
    /// <param name="port">Core of each chip at which it is reached from others.</param>
    /// <param name="multicasts">Routers copy a message; else every receiver has a path of its own.</param>
    /// <returns>Paths of each, in the order given.</returns>
    public static ImmutableArray<RoutedPaths> Run(NocTopology topology, IReadOnlyList<RoutedMessage> messages, int port, bool multicasts)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(messages);
        MessageRouter router = new(topology, port);
        foreach (var message in messages)
        {
            router.Add(message, multicasts);
        }

        router.Route();
        return [.. Enumerable.Range(0, messages.Count).Select(router.PathsOf)];
    }
}
