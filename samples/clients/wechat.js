// A WeChat mini-program: take a photo and look it up. Not run here: it needs WeChat's developer tools.
// The server's https address must be among the program's uploadFile domains.
const SERVER = "https://your-server";
const LOGIN = { username: "shop", secretkey: "FIND_ONLY_KEY", channel: "posters" };

Page({
  data: { found: "" },
  scan() {
    wx.chooseMedia({ count: 1, mediaType: ["image"], sizeType: ["compressed"], success: (chosen) => this.find(chosen) });
  },
  find({ tempFiles }) {
    wx.uploadFile({
      url: `${SERVER}/FindImage`, name: "image", filePath: tempFiles[0].tempFilePath, formData: LOGIN, timeout: 15000,
      success: ({ data }) => {
        const { returncode, identifier } = JSON.parse(data);
        this.setData({ found: returncode === 0 ? identifier || "no match" : `returncode ${returncode}` });
      },
      fail: ({ errMsg }) => this.setData({ found: errMsg }),
    });
  },
});
