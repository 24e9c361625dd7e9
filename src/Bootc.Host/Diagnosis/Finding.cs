namespace Bootc.Host.Diagnosis;

/// <summary>Something of a machine that is not as it should be.</summary>
/// <param name="IsDamage">Whether something is lost, or will fail; false for what is only left over, which does no harm.</param>
/// <param name="Sentence">What is wrong, for a person, without capital and full stop.</param>
/// <param name="Repair">What would heal it; null where nothing would that is known, or not before other damage is healed.</param>
public sealed record Finding(bool IsDamage, string Sentence, Repair? Repair);
