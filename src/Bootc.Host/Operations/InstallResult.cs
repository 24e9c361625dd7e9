using System.Collections.Immutable;
using Bootc.Composefs;

namespace Bootc.Host.Operations;

/// <summary>What an install made.</summary>
/// <param name="TargetImage">The update source that was recorded.</param>
/// <param name="ManifestDigest">Digest of the manifest that was installed.</param>
/// <param name="Deployment">Id of the deployment.</param>
/// <param name="Warnings">What the user should know, a sentence each.</param>
public sealed record InstallResult(string TargetImage, string ManifestDigest, ObjectId Deployment, ImmutableArray<string> Warnings);
