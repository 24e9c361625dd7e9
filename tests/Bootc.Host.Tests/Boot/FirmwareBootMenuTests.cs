using System.Collections.Immutable;
using Bootc.Host.Boot;

namespace Bootc.Host.Tests.Boot;

public class FirmwareBootMenuTests
{
    private const string Loader = @"\EFI\systemd\systemd-bootx64.efi";

    private static readonly Guid Present = new("00112233-4455-6677-8899-aabbccddeeff");
    private static readonly Guid AlsoPresent = new("11112233-4455-6677-8899-aabbccddeeff");
    private static readonly Guid Gone = new("22112233-4455-6677-8899-aabbccddeeff");

    private static readonly FirmwareBootEntry Entry = EntryOf("Debian", Present);

    [Fact]
    public void Comes_first_and_keeps_the_others_in_their_order() =>
        Change(Menu([3, 0, 0x2001], (0, Foreign()), (3, Foreign()), (0x2001, Foreign()))).Should().Be((1, "0100" + "0300" + "0000" + "0120"));

    [Fact]
    public void Begins_an_order_where_there_is_none() => Change(Menu([])).Should().Be((0, "0000"));

    [Fact]
    public void Takes_no_number_of_an_option_that_the_order_does_not_name() =>
        Change(Menu([], (0, Foreign()), (1, EntryOf("Other", Gone).ToLoadOption()))).Should().Be((2, "0200"));

    [Fact]
    public void Takes_the_place_of_the_entry_that_an_earlier_install_left() =>
        Change(Menu([0, 5, 1], (0, Foreign()), (1, Foreign()), (5, EntryOf("Debian", Gone).ToLoadOption()))).Should().Be((5, "0500" + "0000" + "0100"));

    [Fact]
    public void Takes_the_place_of_its_equal() =>
        Change(Menu([0, 5], (0, Foreign()), (5, Entry.ToLoadOption()))).Should().Be((5, "0500" + "0000"));

    [Fact]
    public void Keeps_the_entry_of_the_same_system_on_another_disk() =>
        Change(Menu([0], (0, EntryOf("Debian", AlsoPresent).ToLoadOption()))).Should().Be((1, "0100" + "0000"));

    [Theory]
    [InlineData("Windows Boot Manager", Loader)]
    [InlineData("Debian", @"\EFI\debian\shimx64.efi")]
    public void Keeps_entries_of_other_systems_even_if_they_lead_nowhere(string description, string path) =>
        Change(Menu([0], (0, EntryOf(description, Gone, path).ToLoadOption()))).Should().Be((1, "0100" + "0000"));

    [Theory]
    [InlineData("")]
    [InlineData("0100000038")]
    [InlineData("0100000038004800")]
    [InlineData("01000000380048006900000004012a00")]
    // What a firmware offers of its own: a file in a firmware volume.
    [InlineData("09010000" + "2c00" + "550069000000" + "04071400c9bdb87cebf8344faaea3ee4af6516a1" + "04061400210000000000000000000000000000ff" + "7fff0400")]
    public void Leaves_alone_what_is_no_file_on_a_partition(string option) =>
        Change(Menu([0], (0, Convert.FromHexString(option)))).Should().Be((1, "0100" + "0000"));

    [Fact]
    public void Reads_what_it_writes() => FirmwareBootEntry.TryParse(Entry.ToLoadOption()).Should().Be(Entry);

    [Fact]
    public void Reads_no_option_that_was_cut_short()
    {
        byte[] whole = Entry.ToLoadOption();
        for (int length = 0; length < whole.Length - 6; length++)
        {
            FirmwareBootEntry.TryParse(whole.AsSpan(0, length)).Should().BeNull();
        }
    }

    private static FirmwareBootEntry EntryOf(string description, Guid partition, string path = Loader) => new(description, 1, 2048, 4096, partition, path);

    private static byte[] Foreign() => EntryOf("Other", AlsoPresent, @"\EFI\other.efi").ToLoadOption();

    private static FirmwareBootMenu Menu(ushort[] order, params (ushort Number, byte[] Option)[] options) => new(
        options.ToImmutableSortedDictionary(o => o.Number, o => o.Option),
        [.. order.SelectMany(BitConverter.GetBytes)]);

    private static (int Number, string Order) Change(FirmwareBootMenu menu)
    {
        FirmwareBootChange change = menu.PutFirst(Entry, new HashSet<Guid> { Present, AlsoPresent });
        change.Option.Should().Equal(Entry.ToLoadOption());
        return (change.Number, Convert.ToHexStringLower(change.Order));
    }
}
